import CTF
import Feed

@testable import Forwarding

/// A trace of metadata text and packets of bytes, and frames of its events.
struct MadeTrace {
    struct Failure: Error {}

    let program: TraceProgram
    let trace: FeedTrace

    init(
        _ metadata: String,
        relay: String = "alpha",
        host: String = "web-1",
        session: String = "shop",
        id: UInt64 = 1
    ) throws {
        var reader = MetadataReader()
        // CTF 2 is told by its first byte.
        let text = metadata.hasPrefix("\u{1E}") ? metadata : "/* CTF 1.8 */\n" + metadata
        try Array(text.utf8).withUnsafeBytes { bytes throws in
            try reader.append(bytes)
            try reader.finish()
        }
        guard let traceClass = reader.traceClass else { throw Failure() }
        program = try TraceProgram(traceClass)
        trace = FeedTrace(
            id: id,
            relay: relay,
            host: host,
            session: session,
            sessionID: 9,
            path: "ust/uid/1000/64-bit"
        )
    }

    /// - Parameter bytes: of events only: there is no header of a packet.
    func slice(_ bytes: [UInt8], events: Int, stream: UInt64 = 3, correction: TimeCorrection = .none) throws
        -> EventSlice
    {
        let storage = ByteStorage(capacity: bytes.count)
        bytes.withUnsafeBytes { storage.write($0, at: 0) }
        let preamble = try program.readPreamble(PacketBytes(storage.bytes))
        let packet = FeedPacket(
            id: stream,
            trace: trace,
            stream: FeedStream(id: stream, traceID: trace.id, liveStreamID: stream + 40, channel: "channel0"),
            program: program,
            metadataBytes: 1,
            preamble: preamble,
            preambleStorage: storage,
            correction: correction
        )
        return EventSlice(
            packet: packet,
            storage: storage,
            storageOffset: Int(preamble.firstEventBits / 8),
            firstBits: preamble.firstEventBits,
            endBits: UInt64(bytes.count) * 8,
            clockCycles: preamble.clockCycles,
            eventCount: events,
            opensPacket: true
        )
    }

    /// A trace of one event class with a time and a number.
    static let tick = """
        trace { major = 1; minor = 8; byte_order = le; };
        clock { name = c; freq = 1000000000; absolute = true; };
        stream {
            event.header := struct {
                integer { size = 64; align = 8; signed = false; map = clock.c.value; } timestamp;
            };
        };
        event { name = "tick"; id = 0; fields := struct { integer { size = 8; align = 8; signed = true; } x; }; };
        """

    /// A trace of one event class, whose only number is in so many structures.
    static func nested(_ depth: Int) -> String {
        """
        trace { major = 1; minor = 8; byte_order = le; }; stream {};
        event { name = "deep"; id = 0; fields := struct { \(String(repeating: "struct { ", count: depth))
            integer { size = 8; align = 8; signed = false; } x;
        \(String(repeating: "} s; ", count: depth))}; };
        """
    }

    /// Ticks with these numbers, whose times are these as well.
    func ticks(_ numbers: ClosedRange<Int>, stream: UInt64 = 3) throws -> EventSlice {
        try slice(
            numbers.flatMap { little(UInt64($0)) + [UInt8(truncatingIfNeeded: $0)] },
            events: numbers.count,
            stream: stream
        )
    }
}

/// Fixed-width numbers in little-endian order.
func little<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
}

extension ForwardedFrame {
    /// - Parameters:
    ///   - order: slices, by index, and how many events of each follow.
    ///   - hasToken: whether one can go on after it.
    init(
        _ slices: [EventSlice],
        order: [(Int, Int)],
        sequence: UInt64 = 7,
        epoch: UInt64 = 1,
        hasToken: Bool = true
    ) {
        let group = EventGroup(
            slices: slices,
            order: order.map { EventGroup.Run(slice: UInt32($0.0), count: UInt32($0.1)) },
            late: [],
            eventCount: order.reduce(0) { $0 + $1.1 }
        )
        self.init(
            batch: FeedBatch(sequence: sequence, records: [.events(group)]),
            epoch: epoch,
            token: hasToken ? .made(sequence) : nil,
            isCheckpoint: false
        )
    }
}

extension ResumeToken {
    static func made(_ sequence: UInt64) -> ResumeToken {
        ResumeToken(feed: FeedIdentity(id: FeedID(high: 1, low: 2)), sequence: sequence, watermarkNs: 0)
    }
}
