import CTF
import PacketWriter

/// The input of the target `packets`:
///
///     0             1     3
///     | trace class | cut | packet …
///
/// The first byte is a number of `PacketClasses`; the cut is where the first piece of the packet ends (little-endian).
struct PacketInput {
    static let headerBytes = 3

    private let program: TraceProgram
    private let packet: UnsafeRawBufferPointer
    private let cut: Int

    /// Nil for fewer bytes than the header has.
    init?(_ input: UnsafeRawBufferPointer) {
        guard input.count >= Self.headerBytes else { return nil }
        program = PacketClasses.programs[Int(input[0])]
        cut = Int(input[1]) | Int(input[2]) << 8
        packet = UnsafeRawBufferPointer(rebasing: input[Self.headerBytes...])
    }

    func check() {
        PacketLaws(program, packet, cut: packet.isEmpty ? 0 : cut % (packet.count + 1)).check()
    }

    /// The input that a packet of class `number` is.
    static func bytes(class number: Int, packet: [UInt8]) -> [UInt8] {
        let cut = packet.count / 2
        return [UInt8(number), UInt8(cut % 256), UInt8(truncatingIfNeeded: cut / 256)] + packet
    }
}

/// 256 trace classes by number: those of LTTng, some that are made to be awkward, and the rest by chance.
enum PacketClasses {
    static let traceClasses: [TraceClass] = {
        made + [read(AwkwardTexts.endless)]
            + (made.count + 1..<256).map { seed in
                var random = RandomTraceClass(seed: UInt64(seed))
                return random.make()
            }
    }()

    /// Those that are not made by chance, and of which packets can be written.
    static let made: [TraceClass] = lttng + (AwkwardTexts.all + CTF2AwkwardTexts.all).map(read)

    static let programs: [TraceProgram] = traceClasses.map { traceClass in
        do { return try TraceProgram(traceClass) } catch { preconditionFailure("a class of our own: \(error)") }
    }

    private static let lttng: [TraceClass] = [LTTngTrace.Header.compact, .large].flatMap { header in
        [ByteOrder.littleEndian, .bigEndian].map { order in
            LTTngTrace(header: header, byteOrder: order).traceClass
        }
    }

    private static func read(_ text: String) -> TraceClass {
        var reader = MetadataReader()
        do throws(MetadataError) {
            try Array(text.utf8).withUnsafeBufferPointer { bytes throws(MetadataError) in
                try reader.append(UnsafeRawBufferPointer(bytes))
            }
            try reader.finish()
        } catch {
            preconditionFailure("a text of our own: \(error)")
        }
        guard let traceClass = reader.traceClass else { preconditionFailure("a text of our own: no trace") }
        return traceClass
    }
}
