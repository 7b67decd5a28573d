import CTF
import PacketWriter
import Testing

@testable import Feed

/// One event class, packets of it, and what a filter leaves of them.
struct FilterBench {
    let program: TraceProgram
    var trace = FeedTrace(
        id: 1,
        relay: "alpha",
        host: "web-1",
        session: "night",
        sessionID: 3,
        path: "ust/uid/0/64-bit"
    )

    init(_ program: TraceProgram) {
        self.program = program
    }

    /// A packet as it comes into the feed.
    func packet(_ bytes: [UInt8], id: UInt64 = 1) throws -> (packet: FeedPacket, storage: ByteStorage) {
        let storage = ByteStorage(capacity: bytes.count)
        bytes.withUnsafeBytes { storage.write($0, at: 0) }
        let preamble = try program.readPreamble(PacketBytes(storage.bytes))
        let packet = FeedPacket(
            id: id,
            trace: trace,
            stream: FeedStream(id: 10, traceID: trace.id, liveStreamID: 4, channel: "channel0"),
            program: program,
            metadataBytes: 0,
            preamble: preamble,
            preambleStorage: storage,
            correction: .none
        )
        return (packet, storage)
    }

    /// All events of a packet, in one slice.
    func group(_ bytes: [UInt8], contentBits: UInt64, eventCount: Int) throws -> EventGroup {
        let (packet, storage) = try packet(bytes)
        let first = packet.preamble.firstEvent
        let slice = EventSlice(
            packet: packet,
            storage: storage,
            storageOffset: Int(first.positionBits / 8),
            firstBits: first.positionBits,
            endBits: contentBits,
            clockCycles: first.clockCycles,
            eventCount: eventCount,
            opensPacket: true
        )
        return EventGroup(
            slices: [slice],
            order: [EventGroup.Run(slice: 0, count: UInt32(eventCount))],
            eventCount: eventCount
        )
    }

    /// The lines of the events that a filter wants.
    static func lines(_ group: EventGroup, _ expression: String?) throws -> [String] {
        let batch = FeedBatch(records: [.events(group)])
        guard let expression else { return Transcript([batch]).lines }
        var filter = EventFilter(try FilterExpression(expression))
        return Transcript([filter.filtered(batch)]).lines
    }
}
