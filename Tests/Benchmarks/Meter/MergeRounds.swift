import ArgumentParser
import EventMerge

/// Merges streams whose events alternate at random, a packet of each stream at a time: the same keys in each run.
struct MergeRounds: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge",
        abstract: "Merge the keys of many streams."
    )

    @Argument(help: "How many streams.")
    var streams: Int

    @Option(help: "Events of all streams together.")
    var events = 8_000_000

    @Option(help: "Events in a packet, on average.")
    var packet = 128

    @Option(help: "How often to merge all of them; the fastest time counts.")
    var rounds = 5

    /// What one release may take, as a coordinator's batch.
    private static let batchEvents = 16_384

    /// One stream's events of a live period.
    private struct Chunk {
        var stream: Int
        var keys: [MergeKey]
    }

    func validate() throws {
        guard streams > 0, events > 0, packet > 0, rounds > 0 else { throw ValidationError("numbers are at least 1") }
    }

    func run() throws {
        let periods = makePeriods()
        // Keys are merged just after a decoder has written them, always to the same memory.
        let longest = periods.joined().map(\.keys.count).max() ?? 1
        let buffers = (0..<streams).map { _ in UnsafeMutablePointer<MergeKey>.allocate(capacity: longest) }
        var runs: [MergeRun] = []
        runs.reserveCapacity(Self.batchEvents)
        var consumed: [ConsumedChunk] = []
        consumed.reserveCapacity(streams)
        var best: Measurement?
        for _ in 0..<rounds {
            var merge = EventMerge()
            let slots = (0..<streams).map { _ in merge.addStream(rank: nil) }
            var round = Measurement(events: 0, packets: 0, cpuNs: 0, allocations: 0)
            for chunks in periods {
                for chunk in chunks { buffers[chunk.stream].update(from: chunk.keys, count: chunk.keys.count) }
                round += measured {
                    for chunk in chunks {
                        merge.append(slots[chunk.stream], keys: buffers[chunk.stream], count: chunk.keys.count, tag: 0)
                    }
                    let before = round.events
                    let end = before + chunks.reduce(0) { $0 + $1.keys.count }
                    var isComplete = false
                    while !isComplete {
                        runs.removeAll(keepingCapacity: true)
                        let left = merge.release(
                            upTo: Int64(end),
                            endOfAll: false,
                            maxEvents: Self.batchEvents,
                            into: &runs
                        )
                        isComplete = left.isComplete
                        precondition(left.lateCount == 0)
                    }
                    precondition(merge.pendingEventCount == 0)
                    consumed.removeAll(keepingCapacity: true)
                    merge.takeConsumed(into: &consumed)
                    return (end - before, chunks.count)
                }
            }
            precondition(round.events == events)
            if round.cpuNs < best?.cpuNs ?? .max { best = round }
        }
        best?.printJSON()
    }

    /// The chunks of each live period.
    private func makePeriods() -> [[Chunk]] {
        var periods: [[Chunk]] = []
        var state: UInt64 = 1
        var event = 0
        while event < events {
            var byStream = [[MergeKey]](repeating: [], count: streams)
            for _ in 0..<min(packet * streams, events - event) {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                byStream[Int(state >> 33) % streams].append(
                    MergeKey(timestampNs: Int64(event), position: UInt64(event))
                )
                event += 1
            }
            periods.append(
                byStream.enumerated().filter { !$0.element.isEmpty }.map { Chunk(stream: $0, keys: $1) }
            )
        }
        return periods
    }
}
