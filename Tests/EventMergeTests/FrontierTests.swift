import EventMerge
import Testing

@Suite struct `Watermark frontier` {
    @Test func `the watermark stays unset until every relay has given its first information`() {
        var frontier = Frontier()
        let first = frontier.addRelay()
        let second = frontier.addRelay()
        #expect(frontier.holder?.relay == first && frontier.holder?.boundNs == nil)
        frontier.setRelayBound(first, to: 100)
        let session = frontier.addSession(first, boundNs: nil)
        #expect(frontier.raiseWatermark() == nil)
        frontier.setSessionBound(session, to: 90)
        #expect(frontier.raiseWatermark() == nil)
        #expect(frontier.holder == WatermarkHolder(relay: second, session: nil, stream: nil, boundNs: nil))
        frontier.setRelayBound(second, to: 70)
        #expect(frontier.raiseWatermark() == 70)
    }

    @Test func `a relay that does not count does not hold the start`() {
        var frontier = Frontier()
        let first = frontier.addRelay()
        let second = frontier.addRelay()
        frontier.setRelayBound(first, to: 100)
        frontier.setCounts(second, false)
        #expect(frontier.raiseWatermark() == 100)
        #expect(!frontier.counts(second) && frontier.counts(first))
        // When it comes later it starts at max(its own, W): W stands until it has caught up.
        frontier.setCounts(second, true)
        frontier.setRelayBound(first, to: 200)
        #expect(frontier.raiseWatermark() == 100)
        frontier.setRelayBound(second, to: 50)
        #expect(frontier.raiseWatermark() == 100)
        #expect(frontier.holder?.boundNs == 50)
        frontier.setRelayBound(second, to: 150)
        #expect(frontier.raiseWatermark() == 150)
    }

    @Test func `a new stream starts at what the session has proven, and W never passes that`() {
        var frontier = Frontier()
        let relay = frontier.addRelay()
        frontier.setRelayBound(relay, to: 1000)
        let session = frontier.addSession(relay, boundNs: nil)
        let old = frontier.addStream(session)
        #expect(frontier.boundNs(old) == nil)
        frontier.advance(old, to: 100)
        frontier.setSessionBound(session, to: 100)
        #expect(frontier.raiseWatermark() == 100)
        // The next cycle's index comes, but GET_NEW_STREAMS says nothing (NO_NEW): W stands.
        frontier.advance(old, to: 200)
        #expect(frontier.raiseWatermark() == 100)
        #expect(frontier.holder == WatermarkHolder(relay: relay, session: session, stream: nil, boundNs: 100))
        let new = frontier.addStream(session)
        #expect(frontier.boundNs(new) == 100)
        frontier.setSessionBound(session, to: 200)
        #expect(frontier.raiseWatermark() == 100)
        #expect(frontier.holder?.stream == new)
        frontier.advance(new, to: 180)
        #expect(frontier.raiseWatermark() == 180)
    }

    @Test func `an ended stream holds nothing`() {
        var frontier = Frontier()
        let relay = frontier.addRelay()
        frontier.setRelayBound(relay, to: 1000)
        let session = frontier.addSession(relay, boundNs: 500)
        let streams = [frontier.addStream(session), frontier.addStream(session)]
        frontier.setSessionBound(session, to: 900)
        frontier.advance(streams[0], to: 600)
        #expect(frontier.raiseWatermark() == 500)
        frontier.endStream(streams[1])
        #expect(frontier.raiseWatermark() == 600)
        frontier.endSession(session)
        #expect(frontier.raiseWatermark() == 1000)
        frontier.checkInvariants()
    }

    @Test func `a lesser bound says nothing`() {
        var frontier = Frontier()
        let relay = frontier.addRelay()
        let session = frontier.addSession(relay, boundNs: 10)
        let stream = frontier.addStream(session)
        frontier.setRelayBound(relay, to: 50)
        frontier.setRelayBound(relay, to: 40)
        frontier.setSessionBound(session, to: 30)
        frontier.setSessionBound(session, to: 20)
        frontier.advance(stream, to: 25)
        frontier.advance(stream, to: 5)
        #expect(frontier.boundNs(stream) == 25 && frontier.boundNs(session) == 25 && frontier.boundNs(relay) == 25)
        frontier.advance(stream, to: 60)
        #expect(frontier.boundNs(session) == 30)
        #expect(frontier.boundNs(relay) == 30)
    }

    @Test func `two empty sessions borrow the bound of those that have streams, not each other's`() {
        var frontier = Frontier()
        let relays = [frontier.addRelay(), frontier.addRelay(), frontier.addRelay()]
        let busy = frontier.addSession(relays[0], boundNs: nil)
        let stream = frontier.addStream(busy)
        let empty = frontier.addSession(relays[1], boundNs: nil)
        #expect(frontier.candidateNs == nil)
        frontier.advance(stream, to: 100)
        frontier.setSessionBound(busy, to: 100)
        frontier.setRelayBound(relays[0], to: 100)
        for time in stride(from: Int64(100), to: 500, by: 100) {
            frontier.advance(stream, to: time)
            frontier.setSessionBound(busy, to: time)
            frontier.setRelayBound(relays[0], to: time)
            #expect(frontier.candidateNs == time)
            guard let candidate = frontier.candidateNs else { continue }
            frontier.setSessionBound(empty, to: candidate)
            frontier.setRelayBound(relays[1], to: candidate)
            frontier.setRelayBound(relays[2], to: candidate)
            #expect(frontier.raiseWatermark() == time)
        }
        // Nobody has a proof of its own any more: W stands.
        frontier.endStream(stream)
        #expect(frontier.candidateNs == 400)
    }

    @Test func `a relay that does not count lends nothing`() {
        var frontier = Frontier()
        let relays = [frontier.addRelay(), frontier.addRelay()]
        for (relay, bound) in zip(relays, [Int64(100), 50]) {
            frontier.setRelayBound(relay, to: bound)
            let session = frontier.addSession(relay, boundNs: bound)
            _ = frontier.addStream(session)
        }
        #expect(frontier.candidateNs == 50)
        frontier.setCounts(relays[1], false)
        #expect(frontier.candidateNs == 100)
        frontier.removeRelay(relays[1])
        frontier.checkInvariants()
        #expect(frontier.raiseWatermark() == 100)
        #expect(frontier.addRelay() == relays[1])
        #expect(frontier.candidateNs == 100)
    }

    @Test func `W stands where nobody counts, and goes on from the log's after a restart`() {
        var frontier = Frontier(watermarkNs: 70)
        #expect(frontier.raiseWatermark() == 70 && frontier.holder == nil && frontier.candidateNs == 70)
        let relay = frontier.addRelay()
        frontier.setRelayBound(relay, to: 60)
        #expect(frontier.raiseWatermark() == 70)
        frontier.setRelayBound(relay, to: .max)
        frontier.setCounts(relay, false)
        #expect(frontier.raiseWatermark() == 70)
    }
}

@Suite struct `Frontier laws` {
    @Test(arguments: UInt64(1)...30)
    func `W agrees with the naive least of all, never goes back and never passes a proof`(_ seed: UInt64) {
        var trial = FrontierTrial(seed: seed)
        for step in 0..<400 {
            let problem = trial.step()
            #expect(problem == nil, "seed \(seed), step \(step)")
            if problem != nil { return }
        }
    }
}
