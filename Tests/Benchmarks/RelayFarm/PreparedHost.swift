import CTF
import Glibc
import LTTngLive
import SimulatedRelay

/// A session whose packets are all made before anybody reads them, so that serving one costs a copy.
///
/// Its clock is the monotonic one of this machine, as LTTng's is. All streams close a packet at the same moments, a
/// live period apart, with the same number of events, evenly spread: a packet's end is the time from which a viewer
/// can have it, and no stream waits for another's timer.
struct PreparedHost {
    /// Names the session, its metadata, its streams (`cpuCount`), and the live period.
    var host: GeneratedHost
    /// Packets of each stream.
    var packetCount: Int
    /// Events of each packet.
    var packetEvents: Int
    /// Cycles at which the first packet begins.
    var beginNs: UInt64
    /// All packets can be had from then on, instead of each from its end.
    var allAtNs: UInt64?

    private static let preambleBytes = 84
    private var periodNs: UInt64 { UInt64(host.liveTimerUs) * 1000 }

    /// Relays number their sessions, traces and streams each for itself.
    func session() -> ScriptedSession {
        let trace = LiveTraceID(1)
        let endNs = beginNs + UInt64(packetCount) * periodNs
        var streams = (0..<host.cpuCount).map { cpu in
            let live = LiveStream(
                id: LiveStreamID(UInt64(cpu) + 1),
                trace: trace,
                isMetadata: false,
                path: "ust/uid/1000/64-bit",
                channel: "channel0_\(cpu)"
            )
            var steps = packets(cpu: cpu).map { index, bytes in
                (atNs: allAtNs ?? index.timestampEnd, step: ScriptedStream.Step.packet(index, bytes))
            }
            // Live timers go on.
            steps.append((atNs: allAtNs ?? endNs + periodNs, step: .beacon(endNs + periodNs)))
            return ScriptedStream(live, steps: steps)
        }
        let live = LiveStream(
            id: LiveStreamID(UInt64(host.cpuCount) + 1),
            trace: trace,
            isMetadata: true,
            path: "ust/uid/1000/64-bit",
            channel: "metadata"
        )
        streams.append(ScriptedStream(live, steps: [(atNs: 0, step: .metadata(Array(host.metadataText.utf8)))]))
        let listed = ListedSession(
            id: LiveSessionID(1),
            liveTimerUs: host.liveTimerUs,
            hostname: host.hostname,
            name: host.sessionName
        )
        return ScriptedSession(listed, streams: streams)
    }

    /// Writes the trace into a directory as a relay daemon stores it, without indexes.
    func store(in directory: String, _ session: ScriptedSession) {
        mkdir(directory, 0o777)
        for stream in session.streams {
            guard let file = fopen("\(directory)/\(stream.stream.channel)", "wb") else { continue }
            for (_, step) in stream.steps {
                switch step {
                case .packet(_, let bytes), .metadata(let bytes): fwrite(bytes, 1, bytes.count, file)
                default: break
                }
            }
            fclose(file)
        }
    }

    // MARK: Packets

    private func packets(cpu: Int) -> [(PacketIndex, [UInt8])] {
        var offset: UInt64 = 0
        return (0..<packetCount).map { number in
            let begin = beginNs + UInt64(number) * periodNs
            let bytes = packet(number, cpu: cpu, begin: begin)
            let index = PacketIndex(
                offset: offset,
                packetBits: UInt64(bytes.count) * 8,
                contentBits: UInt64(bytes.count) * 8,
                timestampBegin: begin,
                timestampEnd: begin + periodNs
            )
            offset += UInt64(bytes.count)
            return (index, bytes)
        }
    }

    private func packet(_ number: Int, cpu: Int, begin: UInt64) -> [UInt8] {
        let rounds = packetEvents / Self.bodies.count
        let rest = Self.bodies.prefix(packetEvents % Self.bodies.count)
        let count =
            Self.preambleBytes + rounds * Self.bodies.reduce(0) { $0 + 4 + $1.bytes.count }
            + rest.reduce(0) { $0 + 4 + $1.bytes.count }
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            let bytes = UnsafeMutableRawBufferPointer(buffer)
            writePreamble(to: bytes, number: number, cpu: cpu, begin: begin)
            var position = Self.preambleBytes
            for event in 0..<packetEvents {
                let body = Self.bodies[event % Self.bodies.count]
                // Streams take turns at random.
                let place =
                    UInt64(event) * periodNs + periodNs * ((UInt64(event) &* 7919 &+ UInt64(cpu) &* 104_729) % 64) / 64
                let time = begin + place / UInt64(packetEvents)
                let header = UInt32(truncatingIfNeeded: body.id | time << 5)
                bytes.storeBytes(of: header.littleEndian, toByteOffset: position, as: UInt32.self)
                position += 4
                body.bytes.withUnsafeBytes { source in
                    UnsafeMutableRawBufferPointer(rebasing: bytes[position...]).copyMemory(from: source)
                }
                position += body.bytes.count
            }
            filled = position
        }
    }

    private func writePreamble(to bytes: UnsafeMutableRawBufferPointer, number: Int, cpu: Int, begin: UInt64) {
        var position = 0
        func write<Integer: FixedWidthInteger>(_ value: Integer) {
            bytes.storeBytes(of: value.littleEndian, toByteOffset: position, as: Integer.self)
            position += Integer.bitWidth / 8
        }
        write(UInt32(0xC1FC_1FC1))
        write(host.traceUUID.high.byteSwapped)
        write(host.traceUUID.low.byteSwapped)
        write(UInt32(0))
        write(UInt64(cpu))
        write(begin)
        write(begin + periodNs)
        write(UInt64(bytes.count) * 8)
        write(UInt64(bytes.count) * 8)
        write(UInt64(number))
        write(UInt64(0))
        write(UInt32(truncatingIfNeeded: cpu))
    }

    /// Three kinds of events behind their headers, 43 bytes on average with these, as `GeneratedHost` declares them.
    private static let bodies: [(id: UInt64, bytes: [UInt8])] = [
        // web:response: id, status, bytes, duration.
        (1, context + little(UInt64(4711)) + little(UInt16(200)) + little(UInt32(15_312)) + little(12.375.bitPattern)),
        // cache:lookup: outcome, key, load.
        (3, context + [1] + little(UInt64(0x9E37_79B9_7F4A_7C15)) + little(Float(0.625).bitPattern)),
        // app:log: severity, message.
        (5, context + little(Int32(4)) + Array("cache refilled".utf8) + [0]),
    ]

    /// The process's number and name.
    private static let context: [UInt8] =
        little(Int32(1201)) + Array("shop-worker".utf8) + [UInt8](repeating: 0, count: 6)

    private static func little<Integer: FixedWidthInteger>(_ value: Integer) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
}
