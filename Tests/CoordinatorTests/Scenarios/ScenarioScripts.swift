import Coordinator
import Feed
import LTTngLive
import SimulatedRelay

/// A process with buffers of its own: a trace of one stream, announced when it starts and closed when it exits.
struct TracedProcess {
    /// Tells it from the session's others; at least 1.
    var number: UInt64
    var startNs: UInt64
    var exitNs: UInt64
    var eventsNs: [UInt64]
    /// Every event's value.
    var value: UInt64 = 7
    /// Its buffers are flushed at these times, and at the exit.
    var ticksNs: [UInt64] = []
    /// From the last flush to the closing of its buffers.
    var closesAfterNs: UInt64 = 0

    /// Streams get two numbers from 1000 on, traces one.
    var streams: [ScriptedStream] {
        let first = 1000 + number * 2
        func live(_ id: UInt64, isMetadata: Bool) -> LiveStream {
            LiveStream(
                id: LiveStreamID(id),
                trace: LiveTraceID(1000 + number),
                isMetadata: isMetadata,
                path: "ust/pid/program-\(number)",
                channel: isMetadata ? "metadata" : "channel0_0"
            )
        }
        let metadata = TinyTrace.metadata(uuidByte: UInt8(truncatingIfNeeded: number % 250) + 2)
        return [
            ScriptedStream(
                live(first, isMetadata: true),
                appearsAtNs: startNs,
                steps: [(startNs, .metadata(metadata))]
            ),
            ScriptedStream(live(first + 1, isMetadata: false), appearsAtNs: startNs, steps: steps),
        ]
    }

    private var steps: [(atNs: UInt64, step: ScriptedStream.Step)] {
        var steps: [(atNs: UInt64, step: ScriptedStream.Step)] = []
        var begin = startNs
        var (offset, written): (UInt64, UInt64) = (0, 0)
        for tick in ticksNs.filter({ $0 > startNs && $0 < exitNs }) + [exitNs] {
            let events = eventsNs.filter { $0 >= begin && $0 < tick || $0 == tick && tick == exitNs }
            if events.isEmpty, tick != exitNs, written > 0 {
                steps.append((tick, .beacon(tick)))
            } else {
                let packet = TinyTrace.packet(
                    from: begin,
                    to: tick,
                    events: events,
                    number: written,
                    offset: offset,
                    value: value
                )
                steps.append((tick, .packet(packet.index, packet.bytes)))
                offset += UInt64(packet.bytes.count)
                written += 1
            }
            begin = tick
        }
        return steps + [(exitNs + closesAfterNs, .hangUp)]
    }
}

/// Beacons at each period from `first` on.
func beacons(
    fromMs first: UInt64,
    throughMs last: UInt64,
    everyMs period: UInt64
) -> [(atNs: UInt64, step: ScriptedStream.Step)] {
    stride(from: first, through: last, by: Int(period)).map { (.ms($0), .beacon(.ms($0))) }
}

/// Packets at each period, with an event in the middle of each.
func steadyPackets(
    throughMs last: UInt64,
    everyMs period: UInt64 = 100,
    fromMs start: UInt64 = 0
) -> [(atNs: UInt64, step: ScriptedStream.Step)] {
    packets(
        stride(from: start + period, through: last, by: Int(period)).map { (.ms($0), [.ms($0 - period / 2)]) },
        startNs: .ms(start)
    )
}

/// Looks at a feed while it comes: how late in time events leave, and whether any is older than W when it does.
final class FeedWatch {
    private(set) var lagsNs: [UInt64] = []
    private(set) var lateCount = 0
    private(set) var watermarkNs: Int64?
    /// Events that were not flagged though they are older than the watermark before them; and watermarks that go back.
    private(set) var violations: [String] = []

    /// - Parameter sinceNs: events before are not measured.
    init(_ trial: CoordinatorTrial, sinceNs: UInt64 = 0) {
        trial.published = { [self] batch, nowNs in
            for case .events(let group) in batch.records {
                for event in TrialEvent.all(in: group) {
                    if event.lateNs > 0 { lateCount += 1 }
                    if event.lateNs == 0, let watermarkNs, event.timestampNs < watermarkNs {
                        violations.append("event of \(event.timestampNs) behind \(watermarkNs)")
                    }
                    let ns = UInt64(event.timestampNs)
                    if ns >= sinceNs { lagsNs.append(nowNs - min(ns, nowNs)) }
                }
            }
            if let next = batch.watermarkNs {
                if let watermarkNs, next < watermarkNs { violations.append("W from \(watermarkNs) to \(next)") }
                watermarkNs = next
            }
        }
    }

    /// The lag that so many of a hundred events do not exceed.
    func lagNs(percentile: Int) -> UInt64 {
        let sorted = lagsNs.sorted()
        return sorted.isEmpty ? .max : sorted[min(sorted.count * percentile / 100, sorted.count - 1)]
    }
}
