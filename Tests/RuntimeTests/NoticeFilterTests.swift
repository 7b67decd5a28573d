import Feed
import Testing

@testable import Runtime

struct NoticeFilterTests {
    private func relay(_ name: String, _ state: RelayState) -> FeedRecord {
        .relay(RelayStateChange(relay: name, state: state, reason: ""))
    }

    private func session(_ state: SessionState) -> FeedRecord {
        .session(
            SessionStateChange(relay: "r", host: "h", session: "s", sessionID: 1, state: state, reason: "")
        )
    }

    private func lost(_ count: UInt64?, relay: String) -> FeedRecord {
        .lost(
            LossRecord(
                relay: relay,
                host: "h",
                session: "s",
                sessionID: 1,
                streamID: nil,
                unit: .events,
                count: count,
                fromNs: nil,
                toNs: nil,
                reason: ""
            )
        )
    }

    private func told(_ records: [FeedRecord], _ filter: inout NoticeFilter) -> [String] {
        filter.filter(FeedBatch(records: records)).records.map { record in
            switch record {
            case .relay(let change): "\(change.relay) \(change.state) \(change.reason)"
            case .session(let change): "session \(change.state)"
            case .holder: "holder"
            case .clock(let report): "clock of \(report.host)"
            case .end: "end"
            case .gap: "gap"
            case .log: "log"
            case .lost(let loss):
                "lost \(loss.count.map(String.init) ?? "some")" + (loss.relay.isEmpty ? "" : " of \(loss.relay)")
            default: "other"
            }
        }
    }

    @Test
    func `a relay that is active or quiet by turns is no news`() {
        var filter = NoticeFilter(for: .subscriber)
        let states: [RelayState] = [.connecting, .active, .quiet, .active, .quiet, .connecting, .active, .ended]
        #expect(told(states.map { relay("a", $0) }, &filter) == [])
    }

    @Test
    func `a relay that is waited for, left out, or back is`() {
        var filter = NoticeFilter(for: .subscriber)
        let first = told([relay("a", .lagging), relay("b", .active), relay("a", .connecting)], &filter)
        #expect(first == ["a lagging "])
        #expect(told([relay("a", .excluded), relay("a", .rejoining)], &filter) == ["a excluded ", "a rejoining "])
        #expect(told([relay("a", .quiet), relay("a", .active)], &filter) == ["a active keeps up again"])
    }

    @Test
    func `what the coordinator's notes say is not said twice`() {
        var filter = NoticeFilter(for: .coordinator)
        let holder = HolderRecord(relay: "a", host: "", session: "", streamID: nil, heldNs: 1)
        let gap = GapRecord(fromSequence: 1, toSequence: 2, reason: "")
        #expect(told([.end(reason: "")], &filter) == [])
        let records: [FeedRecord] = [
            relay("a", .lagging), .holder(holder), session(.held), session(.active), relay("a", .active),
            session(.lost), session(.ended), .gap(gap), .end(reason: ""),
        ]
        #expect(
            told(records, &filter) == [
                "session active", "a active keeps up again", "session ended", "gap", "end",
            ]
        )
        var subscriber = NoticeFilter(for: .subscriber)
        #expect(
            told(records, &subscriber) == [
                "a lagging ", "holder", "session held", "session active", "a active keeps up again", "session lost",
                "session ended", "gap",
            ]
        )
    }

    @Test
    func `a subscriber is told of clocks that are ahead, that have jumped, or that are measured`() {
        func clock(_ host: String, _ quality: ClockQuality, lowerNs: Int64, stepNs: Int64? = nil) -> FeedRecord {
            var report = ClockReport(relay: "a", host: host, quality: quality)
            report.lowerNs = lowerNs
            report.stepNs = stepNs
            return .clock(report)
        }
        let records = [
            clock("behind", .oneSided, lowerNs: -9_000_000), clock("near", .oneSided, lowerNs: 999_999),
            clock("ahead", .oneSided, lowerNs: 1_000_000), clock("set", .oneSided, lowerNs: -1, stepNs: 9),
            clock("measured", .approximate, lowerNs: 0), clock("gone", .absent, lowerNs: 5_000_000),
        ]
        var subscriber = NoticeFilter(for: .subscriber)
        #expect(told(records, &subscriber) == ["clock of ahead", "clock of set", "clock of measured"])
        var coordinator = NoticeFilter(for: .coordinator)
        #expect(told(records, &coordinator) == [])
    }

    @Test
    func `what cannot be read of a stored trace is said once`() {
        let losses = [lost(nil, relay: ""), lost(7, relay: ""), lost(nil, relay: "a")]
        var coordinator = NoticeFilter(for: .coordinator)
        #expect(told(losses, &coordinator) == ["lost 7", "lost some of a"])
        var subscriber = NoticeFilter(for: .subscriber)
        #expect(told(losses, &subscriber) == ["lost some", "lost 7", "lost some of a"])
    }
}
