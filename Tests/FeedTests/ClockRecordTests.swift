import CFeedSchema
import CTF
import PacketWriter
import Testing

@testable import Feed

struct ClockRecordTests {
    private func report(_ host: String, quality: ClockQuality = .oneSided, lowerNs: Int64? = nil) -> ClockReport {
        var report = ClockReport(relay: "alpha", host: host, clock: "c1", quality: quality)
        report.lowerNs = lowerNs
        return report
    }

    private func batch(_ sequence: UInt64, _ reports: [ClockReport]) -> FeedBatch {
        FeedBatch(sequence: sequence, records: reports.map { .clock($0) })
    }

    /// What a checkpoint of the state says of clocks.
    private func told(_ state: FeedState) throws -> [ClockReport] {
        var encoder = FrameEncoder(feed: RoundTripTests.feed)
        var decoder = FrameDecoder()
        var reports: [ClockReport] = []
        for frame in try encoder.checkpoint(SubscriptionOpening(state: state)) {
            for case .clock(let report) in try decoder.decode(frame.storage).batch.records { reports.append(report) }
        }
        return reports
    }

    @Test
    func `a checkpoint tells the last that was said of each two clocks, without its step`() throws {
        var state = FeedState()
        var stepped = report("web-1", lowerNs: 7)
        stepped.stepNs = 12
        stepped.stepErrorNs = 3
        var measured = report("web-1", quality: .accurate)
        measured.referenceRelay = "beta"
        measured.referenceHost = "db-1"
        try state.fold(batch(1, [report("web-1", lowerNs: 5), report("db-1", lowerNs: 6), stepped, measured]))
        #expect(try told(state) == [report("db-1", lowerNs: 6), report("web-1", lowerNs: 7), measured])
        try state.fold(batch(2, [report("web-1", quality: .absent)]))
        #expect(try told(state) == [report("db-1", lowerNs: 6), measured])
    }

    @Test
    func `of a host's clock they learn who may see all of the host, and of both hosts'`() {
        func scope(hosts: [String], sessions: [String] = ["*"]) -> ViewScope? {
            let peer = PeerIdentity(alternativeNames: ["x"], commonName: nil)
            return ViewScope(peer: peer, rules: [AllowRule(identity: "*", hosts: hosts, sessions: sessions)])
        }
        var measured = report("web-1", quality: .accurate)
        measured.referenceRelay = "beta"
        measured.referenceHost = "db-1"
        #expect(scope(hosts: ["web-*"])?.allows(report("web-1")) == true)
        #expect(scope(hosts: ["web-*"])?.allows(report("db-1")) == false)
        #expect(scope(hosts: ["web-*"], sessions: ["app"])?.allows(report("web-1")) == false)
        #expect(scope(hosts: ["web-*"])?.allows(measured) == false)
        #expect(scope(hosts: ["web-*", "db-*"])?.allows(measured) == true)
    }

    @Test
    func `clocks that cannot be are refused`() throws {
        var crossed = report("web-1", quality: .accurate, lowerNs: 8)
        crossed.upperNs = 7
        var encoder = FrameEncoder(feed: RoundTripTests.feed)
        let checkpoint = try encoder.checkpoint(SubscriptionOpening(state: FeedState()))[0].storage
        let frame = try encoder.encode(batch(0, [crossed]))[0].frame.storage
        var decoder = FrameDecoder()
        _ = try decoder.decode(checkpoint)
        #expect(throws: FeedError.invalid(.clock)) { try decoder.decode(frame) }
        // A quality that there is not.
        let clock = HostileFrameTests.field(1, Array("alpha".utf8)) + [6 << 3, 9]
        let record = HostileFrameTests.field(14, clock)
        var other = FrameDecoder()
        _ = try other.decode(checkpoint)
        let hostile = HostileFrameTests.frame([1 << 3, 1] + HostileFrameTests.field(5, record))
        #expect(throws: FeedError.invalid(.clock)) { try other.decode(hostile) }
    }

    @Test
    func `a feed of more clocks than are kept is refused`() throws {
        var limits = FeedLimits()
        limits.states = 2
        var state = FeedState(limits: limits)
        try state.change(report("a"))
        try state.change(report("b"))
        try state.change(report("a"))
        #expect(throws: FeedError.tooMuchState(.clock)) { try state.change(report("c")) }
        try state.change(report("a", quality: .absent))
        try state.change(report("c"))
    }
}
