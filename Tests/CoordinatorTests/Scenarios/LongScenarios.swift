import Coordinator
import Feed
import LTTngLive
import SimulatedRelay
import Testing

/// Long ways, and long times: hours pass in seconds.
@Suite struct LongScenarios {
    @Test func `scenario 37: over 300 ms each way, 100 streams lag less than a live period and four round trips`() {
        let second: UInt64 = 1000
        let streams = (0..<100).map { stream in
            packets(
                (1...30).map { period in
                    let end = UInt64(period) * second + UInt64(stream) / 10
                    return (.ms(end), [.ms(end - 900), .ms(end - 500), .ms(end - 1)])
                }
            )
        }
        var session = RelayScript.session(endsAtNs: .ms(35_000), streams: streams)
        session.session.liveTimerUs = 1_000_000
        let trial = CoordinatorTrial([RelayScript(sessions: [session])], delayNs: .ms(300))
        let watch = FeedWatch(trial, sinceNs: .ms(10_000))
        trial.run(untilNs: .ms(30_000))
        // The last packets have nobody behind them that would let their events go before the session ends.
        let lags = (count: watch.lagsNs.count, worst: watch.lagNs(percentile: 100))
        trial.run(untilNs: .ms(60_000))
        #expect(trial.events.count == 100 * 30 * 3)
        #expect(watch.violations == [])
        #expect(watch.lateCount == 0)
        #expect(lags.count >= 100 * 17 * 3)
        #expect(lags.worst < .ms(1000 + 4 * 600))
        #expect(trial.report == FinishReport())
    }

    @Test func `scenario 39: 10 000 streams that open and close within an hour leave nothing behind`() {
        let hourMs: UInt64 = 3_600_000
        var processes: [TracedProcess] = []
        for number in 0..<UInt64(10_000) {
            let start = UInt64.ms(1000 + number * (hourMs - 10_000) / 10_000)
            let process = TracedProcess(
                number: number + 1,
                startNs: start,
                exitNs: start + .ms(100 + number % 400),
                eventsNs: [start + .ms(50)]
            )
            processes.append(process)
        }
        var session = RelayScript.session(endsAtNs: .ms(hourMs), streams: [])
        session.session.liveTimerUs = 1_000_000
        session.streams = processes.flatMap(\.streams)
        let trial = CoordinatorTrial([RelayScript(sessions: [session])], lifetime: .service)
        trial.keepsBatches = false
        var state = FeedCount()
        trial.published = { batch, _ in state.take(batch) }
        var places: [Int] = []
        for minute in stride(from: UInt64(5), through: 60, by: 5) {
            trial.run(untilNs: .ms(minute * 60_000))
            places.append(trial.tableSizes.viewerPlaces)
            // A few are open at a time.
            #expect(trial.tableSizes.streams <= 8)
            #expect(trial.tableSizes.traces <= 16)
        }
        trial.run(untilNs: .ms(hourMs + 20_000))
        let sizes = trial.tableSizes
        #expect(sizes.traces == 0 && sizes.streams == 0 && sizes.draining == 0)
        #expect(places.allSatisfy { $0 <= (places.first ?? 0) + 8 }, "\(places)")
        #expect(state.eventCount == 10_000)
        #expect(state.lateCount == 0)
        #expect(state.lossCount == 0)
        // Every trace was said to have ended: who folds the feed keeps none.
        #expect(state.openTraces.isEmpty)
        #expect(state.openTracesMax <= 16)
    }

    @Test
    func `scenario 40: an hour without a session costs a request a second, and one that comes is attached at once`() {
        let hour = UInt64.ms(3_600_000)
        var session = RelayScript.session(
            metadataAtNs: hour,
            streams: [steadyPackets(throughMs: 3_602_000, fromMs: 3_600_000)]
        )
        session.appearsAtNs = hour + .ms(400)
        let trial = CoordinatorTrial([RelayScript(sessions: [session])], lifetime: .service)
        trial.run(untilNs: .ms(30_000))
        let before = trial.sendCounts[0]
        trial.run(untilNs: hour)
        #expect(trial.sendCounts[0] - before <= 3600)
        #expect(trial.sendCounts[0] - before >= 1800)
        #expect(trial.sessionStates.isEmpty)
        var attachedAtNs: UInt64?
        trial.published = { batch, nowNs in
            for case .session(let change) in batch.records where change.state == .active { attachedAtNs = nowNs }
        }
        trial.run(untilNs: hour + .ms(10_000))
        // It is listed a second later at most, and attached in a second more.
        #expect(attachedAtNs ?? .max < session.appearsAtNs + .ms(2000))
        #expect(trial.events.count == 20)
    }
}

/// Counts what a feed says, and which traces are open in it.
private struct FeedCount {
    var eventCount = 0
    var lateCount = 0
    var lossCount = 0
    var openTraces: Set<UInt64> = []
    var openTracesMax = 0

    mutating func take(_ batch: FeedBatch) {
        for record in batch.records {
            switch record {
            case .trace(let trace): openTraces.insert(trace.id)
            case .traceEnd(let traceID): openTraces.remove(traceID)
            case .events(let group):
                eventCount += group.eventCount
                lateCount += group.late.count
            case .lost: lossCount += 1
            default: break
            }
            openTracesMax = max(openTracesMax, openTraces.count)
        }
    }
}
