import Foundation
import Testing

/// `tidemark view` on traces that are cut off, corrupt, contradictory or hostile: what comes before the fault is
/// printed, the fault is named, the status is 1, and memory stays bounded.
@Suite(.timeLimit(.minutes(5)))
struct DamagedTraceTests {
    /// All the memory that `view` may have here, bytes: stacks of its threads for the most part. Past it, it crashes.
    private static let dataMax = 128 << 20

    private let folder: ScratchFolder

    init() throws {
        folder = try ScratchFolder()
    }

    /// Runs `view` on the trace, beside it.
    private func view(_ trace: MadeTrace, _ others: String...) throws -> Command.Result {
        try trace.write(to: folder.file("bad"))
        let arguments = ["prlimit", "--data=\(Self.dataMax)", Repository.tidemark, "view", "bad"] + others
        let result = try Command.result(arguments, directory: folder.path, within: 20)
        #expect(result.status == 0 || result.status == 1, "\(result.error)")
        return result
    }

    // MARK: Packets

    /// Two good packets, the first one of 88 bytes, with three events each.
    private static func sound() -> MadeTrace {
        var trace = MadeTrace()
        trace.addPacket([.tick(1), .tick(2), .tick(3)])
        trace.addPacket([.tick(4), .list(length: 3, [1, 2, 3]), .tick(6)])
        return trace
    }

    /// Makes a trace of a good packet with three events, and a bad one.
    private static func trace(_ addBad: (inout MadeTrace) -> Void) -> MadeTrace {
        var trace = MadeTrace()
        trace.addPacket([.tick(1), .tick(2), .tick(3)])
        addBad(&trace)
        return trace
    }

    struct Fault: CustomStringConvertible {
        var description: String
        var trace: MadeTrace
        /// Events that are printed, all before the fault.
        var events: Int
        /// What is said after `bad: stream data, packet at byte 88: `.
        var message: String
    }

    static let faults = [
        Fault(
            description: "a magic number that is none",
            trace: trace { $0.addPacket([.tick(4)], magic: 0xC1FC_1FC0) },
            events: 3,
            message: "magic number 0xc1fc1fc0 instead of 0xc1fc1fc1 at byte 0, bit 0 of the packet"
        ),
        Fault(
            description: "a stream class that is not there",
            trace: trace { $0.addPacket([.tick(4)], streamID: 8) },
            events: 3,
            message: "unknown stream class 8 at byte 8, bit 0 of the packet"
        ),
        Fault(
            description: "an event class that is not there",
            trace: trace {
                $0.addPacket([.tick(4), .tick(5)])
                // The second event's id.
                $0.stream[88 + 40 + 16] = 9
            },
            events: 4,
            message: "unknown event class 9 at byte 56, bit 0 of the packet"
        ),
        Fault(
            description: "more content than packet",
            trace: trace { $0.addPacket([.tick(4)], contentBits: 1000, packetBits: 448) },
            events: 3,
            message: "content size of 1000 bits, more than the packet has, at byte 40, bit 0 of the packet"
        ),
        Fault(
            description: "less content than the packet's own header",
            trace: trace { $0.addPacket([.tick(4)], contentBits: 312) },
            events: 3,
            message:
                "content size of 312 bits, less than the packet's header and context take, "
                + "at byte 40, bit 0 of the packet"
        ),
        Fault(
            description: "an empty packet",
            trace: trace { $0.addPacket([.tick(4)], packetBits: 0) },
            events: 3,
            message: "packet size of 0 bits, less than its header and context take, at byte 40, bit 0 of the packet"
        ),
        Fault(
            description: "a packet of half a byte",
            trace: trace { $0.addPacket([.tick(4)], packetBits: 452) },
            events: 3,
            message: "packet size of 452 bits, which are no whole bytes, at byte 40, bit 0 of the packet"
        ),
        Fault(
            description: "a packet of 2^63 bits",
            trace: trace { $0.addPacket([.tick(4)], packetBits: 1 << 63) },
            events: 4,
            message: "the file ends before the packet does: more bytes are needed at byte 56, bit 0 of the packet"
        ),
        Fault(
            description: "a content that ends inside of an event",
            trace: trace { $0.addPacket([.tick(4), .tick(5)], contentBits: 536) },
            events: 4,
            message: "field that ends past the packet's content, at bit 544, at byte 60, bit 0 of the packet"
        ),
        Fault(
            description: "a sequence of 2^60 bytes",
            trace: trace { $0.addPacket([.tick(4), .list(length: 1 << 60, [1, 2]), .tick(5)]) },
            events: 4,
            message: "array of 1152921504606846976 elements, longer than the packet, at byte 94, bit 0 of the packet"
        ),
        Fault(
            description: "a sequence of 2^64 - 1 bytes",
            trace: trace { $0.addPacket([.tick(4), .list(length: .max, [1, 2]), .tick(5)]) },
            events: 4,
            message: "array of 18446744073709551615 elements, longer than the packet, at byte 94, bit 0 of the packet"
        ),
        Fault(
            description: "2^60 elements without a bit",
            trace: trace { $0.addPacket([.tick(4), .nothing(length: 1 << 60), .tick(5)]) },
            events: 4,
            message: "array of 1152921504606846976 elements, longer than the packet, at byte 76, bit 0 of the packet"
        ),
    ]

    @Test(arguments: faults)
    func `what is before a bad packet's fault is printed, and the fault is named`(fault: Fault) throws {
        let result = try view(fault.trace)
        #expect(result.status == 1)
        #expect(result.output.lineCount == fault.events, "\(result.text)")
        #expect(result.error == "bad: stream data, packet at byte 88: \(fault.message)\n")
    }

    @Test
    func `a file may be cut off anywhere`() throws {
        let whole = Self.sound()
        let first = 88
        #expect(try view(whole).output.lineCount == 6)
        // Where each event ends.
        let ends = [56, 72, 88, first + 56, first + 56 + 23, first + 56 + 23 + 16]
        for length in 0..<whole.stream.count where length % 5 == 0 || ends.contains(where: { abs($0 - length) <= 1 }) {
            var cut = whole
            cut.stream = whole.stream.prefix(length)
            let result = try view(cut)
            // A cut between packets does not show.
            let isWhole = length == 0 || length == first
            #expect(result.status == (isWhole ? 0 : 1), "\(length) bytes: \(result.error)")
            #expect(result.output.lineCount == ends.count { $0 <= length }, "\(length) bytes: \(result.text)")
            let packet = length < first ? 0 : first
            let place = "bad: stream data, packet at byte \(packet): the file ends before the packet does: "
            #expect(isWhole ? result.error.isEmpty : result.error.hasPrefix(place), "\(length) bytes: \(result.error)")
        }
    }

    @Test
    func `a bad trace costs itself only`() throws {
        try Self.sound().write(to: folder.file("good"))
        for fault in Self.faults {
            let result = try view(fault.trace, "good")
            #expect(result.status == 1)
            #expect(result.output.lineCount == fault.events + 6, "\(fault)")
        }
    }

    @Test
    func `a directory that cannot be looked at costs itself only`() throws {
        try Self.sound().write(to: folder.file("all/good"))
        try FileManager.default.createSymbolicLink(
            atPath: folder.file("all/loop"),
            withDestinationPath: "loop"
        )
        let result = try Tidemark.result(["view", "all"], directory: folder.path)
        #expect(result.status == 1)
        #expect(result.output.lineCount == 6)
        #expect(result.error == "tidemark view: all/loop: Too many levels of symbolic links\n")
    }

    // MARK: Command line

    @Test
    func `a start that is none is answered with what may be one`() throws {
        let result = try Tidemark.result(["view", "--from", "yesterday", folder.path])
        #expect(result.status == 64)
        #expect(result.error.contains("or a time as 2026-"), "\(result.error)")
        #expect(!result.error.contains("one of 'beginning' and 'now'"), "\(result.error)")
    }

    @Test
    func `without a standard output nothing else is written to`() throws {
        try Self.sound().write(to: folder.file("good"))
        let script = #"exec "$0" view good >&-"#
        let result = try Command.result(["bash", "-c", script, Repository.tidemark], directory: folder.path)
        #expect(result.status == 1)
        #expect(result.error == "tidemark view: standard output: cannot be written: Bad file descriptor\n")
    }

    // MARK: Metadata

    @Test
    func `metadata that is cut off serves as far as it goes`() throws {
        var trace = MadeTrace()
        trace.addPacket([.tick(1), .tick(2), .list(length: 1, [1]), .tick(3)])
        let text = MadeTrace.metadata
        // How many events can be read when the text ends with these words, or inside of the next ones.
        let words: [(String, events: Int)] = [
            ("trace {", 0), ("packet_size; };", 0), ("event.header := struct { u32 id; time timestamp; };\n};", 0),
            (#"name = "tick""#, 0), ("{ u32 value; }; };", 2), (#"name = "list""#, 2), ("u8 values[length]; }; };", 4),
            (#"name = "nothing""#, 4),
        ]
        for (word, events) in words {
            let end = try #require(text.range(of: word)).upperBound
            trace.metadata = Data(text[..<end].utf8)
            let result = try view(trace)
            // Between two declarations a cut does not show; only an event may be unknown then.
            let isWhole = word.hasSuffix("};") && !word.hasPrefix("packet_size")
            #expect(result.status == (isWhole && events == 4 ? 0 : 1), "\(word): \(result.error)")
            #expect(result.output.lineCount == events, "\(word): \(result.error)")
            let isNamed = result.error.contains(#/^bad: metadata line \d+, column \d+: the text ends too early/#)
            #expect(isNamed == !isWhole, "\(word): \(result.error)")
        }
    }

    @Test
    func `hostile metadata is refused`() throws {
        var trace = Self.sound()
        let deep = String(repeating: "struct { ", count: 100_000)
        let wide = (0..<2_000_000).map { "u8 f\($0);" }.joined()
        for (member, reason) in [
            (deep, "nested too deeply"), ("u8 a[4294967296];", "array too long"), (wide, "too many fields"),
            ("\u{0}", "unexpected character"), ("integer { size = 18446744073709551616; } a;", "number does not fit"),
        ] {
            let text = MadeTrace.metadata.replacingOccurrences(of: "u32 value;", with: member)
            trace.metadata = Data(text.utf8)
            let result = try view(trace)
            #expect(result.status == 1)
            #expect(result.output.isEmpty)
            let isNamed = result.error.contains(#/^bad: metadata line \d+, column \d+: /#)
            #expect(isNamed && result.error.contains(reason), "\(reason): \(result.error.prefix(300))")
        }
    }

    // MARK: Anything

    @Test
    func `whatever bytes change, view ends in order and says why it failed`() throws {
        var random = SystemlessRandom(seed: 2026)
        for round in 0..<100 {
            var trace = Self.sound()
            for _ in 0...Int.random(in: 0..<4, using: &random) {
                let bit = UInt8(1) << UInt8.random(in: 0..<8, using: &random)
                if round % 4 == 0 {
                    trace.metadata[Int.random(in: 0..<trace.metadata.count, using: &random)] ^= bit
                } else {
                    trace.stream[Int.random(in: 0..<trace.stream.count, using: &random)] ^= bit
                }
            }
            let result = try view(trace)
            #expect(result.output.lineCount <= 6, "round \(round): \(result.text)")
            #expect((result.status == 1) == result.error.contains("bad: "), "round \(round): \(result.error)")
        }
    }
}

/// The same numbers each time (SplitMix64).
private struct SystemlessRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
