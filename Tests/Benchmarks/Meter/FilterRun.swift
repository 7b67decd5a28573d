import ArgumentParser
import CTF
import Feed
import PacketWriter

/// Filters packets that are made here, as a feed's subscriber has it done.
struct FilterRun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "filter",
        abstract: "Filter the packets of `generated` with an expression."
    )

    @Argument(help: "The expression; events have the fields seqno, msg, ratio and bytes, or value (fixed).")
    var expression: String

    @Option(help: "compact, large or fixed")
    var shape = GeneratedRun.Shape.compact

    @Option(help: "How often to filter the packet of \(GeneratedRun.packetEvents) events.")
    var packets = 100

    func run() throws {
        let memory = shape.packet(eventCount: GeneratedRun.packetEvents)
        let storage = ByteStorage(capacity: memory.count)
        memory.withUnsafeBytes { storage.write($0, at: 0) }
        let batch = FeedBatch(records: [.events(try group(storage))])
        var filter = EventFilter(try FilterExpression(expression))
        // Compiled before the clock starts.
        var wanted = filter.filtered(batch).eventCount
        try measured { () throws(PacketError) in
            for _ in 0..<packets { wanted += filter.filtered(batch).eventCount }
            return (packets * GeneratedRun.packetEvents, packets)
        }.printJSON()
        print("wanted: \(wanted / (packets + 1)) of \(GeneratedRun.packetEvents)")
    }

    private func group(_ storage: ByteStorage) throws -> EventGroup {
        let program = try TraceProgram(shape.trace.traceClass)
        let preamble = try program.readPreamble(PacketBytes(storage.bytes))
        let first = preamble.firstEvent
        let slice = EventSlice(
            packet: FeedPacket(
                id: 1,
                trace: FeedTrace(id: 1, relay: "alpha", host: "web-1", session: "s", sessionID: 1, path: "ust"),
                stream: FeedStream(id: 1, traceID: 1, liveStreamID: 1, channel: "channel0"),
                program: program,
                metadataBytes: 0,
                preamble: preamble,
                preambleStorage: storage,
                correction: .none
            ),
            storage: storage,
            storageOffset: Int(first.positionBits / 8),
            firstBits: first.positionBits,
            endBits: preamble.contentBits ?? 0,
            clockCycles: first.clockCycles,
            eventCount: GeneratedRun.packetEvents,
            opensPacket: true
        )
        let run = EventGroup.Run(slice: 0, count: UInt32(GeneratedRun.packetEvents))
        return EventGroup(slices: [slice], order: [run], eventCount: GeneratedRun.packetEvents)
    }
}

extension FeedBatch {
    fileprivate var eventCount: Int {
        records.reduce(0) { count, record in
            guard case .events(let group) = record else { return count }
            return count + group.eventCount
        }
    }
}
