import CTF
import MetadataWriter
import PacketWriter

/// An input of a corpus.
package struct FuzzSeed: Sendable {
    package let name: String
    package let bytes: [UInt8]

    package init(name: String, bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
    }
}

extension FuzzTarget {
    /// What a corpus begins with: inputs that are right, written by our own writers. Always the same.
    package var seeds: [FuzzSeed] {
        switch self {
        case .tsdl: Self.tsdlSeeds
        case .ctf2: Self.ctf2Seeds
        case .packets: Self.packetSeeds
        case .subscriber: SubscriberLaws.seeds
        case .frames: FrameLaws.seeds
        case .cascade: CascadeLaws.seeds
        case .filter: FilterLaws.samples.enumerated().map { FuzzSeed(name: "sample-\($0)", bytes: Array($1.utf8)) }
        }
    }

    /// The largest seed, in bytes: what is short is mutated better.
    private static let seedBytesMax = 4096

    private static var tsdlSeeds: [FuzzSeed] {
        let samples = TSDLSamples.all + AwkwardTexts.all
        var seeds = samples.enumerated().map { FuzzSeed(name: "sample-\($0)", bytes: Array($1.utf8)) }
        seeds += writtenTraces.compactMap { number, trace in
            TSDLWriter.text(trace).map { FuzzSeed(name: "trace-\(number)", bytes: Array($0.utf8)) }
        }
        for (number, sample) in TSDLSamples.all.enumerated() {
            let maker = PacketMaker(isLittleEndian: number % 2 == 0)
            let packets = maker.packets(Array(sample.utf8), textBytes: 100 + 50 * number)
            seeds.append(FuzzSeed(name: "packets-\(number)", bytes: packets))
        }
        return seeds.filter { $0.bytes.count <= seedBytesMax }
    }

    private static var ctf2Seeds: [FuzzSeed] {
        let samples = CTF2Samples.all + CTF2AwkwardTexts.all
        var seeds = samples.enumerated().map { FuzzSeed(name: "sample-\($0)", bytes: Array($1.utf8)) }
        seeds += writtenTraces.map { FuzzSeed(name: "trace-\($0)", bytes: CTF2Writer.text($1)) }
        for (number, sample) in CTF2Samples.all.enumerated() {
            let maker = PacketMaker(isLittleEndian: number % 2 == 1, version: (2, 0))
            let packets = maker.packets(Array(sample.utf8), textBytes: 100 + 50 * number)
            seeds.append(FuzzSeed(name: "packets-\(number)", bytes: packets))
        }
        return seeds.filter { $0.bytes.count <= seedBytesMax }
    }

    /// Small trace classes with all kinds of fields.
    private static var writtenTraces: [(number: Int, trace: TraceClass)] {
        (0..<60).map { number in
            var random = RandomTraceClass(seed: UInt64(number))
            var trace = random.make()
            trace.streamClasses.removeLast()
            trace.streamClasses[0].eventClasses.removeSubrange(1...)
            return (number, trace)
        }
    }

    private static var packetSeeds: [FuzzSeed] {
        let (made, end) = (PacketClasses.made.count, 48)
        return (Array(0..<made) + Array(made + 1..<end)).flatMap { number in
            let trace = PacketClasses.traceClasses[number]
            return trace.streamClasses.indices.map { stream in
                let packet = WrittenPacket(trace, stream: stream, eventCount: 4, seed: UInt64(number))
                let bytes = PacketInput.bytes(class: number, packet: packet.bytes)
                return FuzzSeed(name: "class-\(number)-stream-\(stream)", bytes: bytes)
            }
        }.filter { $0.bytes.count <= seedBytesMax }
    }
}
