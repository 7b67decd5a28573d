import Coordinator
import Feed
import SimulatedRelay
import Testing

/// Hosts whose messages to each other are traced.
struct MessageReportTests {
    private func hosts(_ skewNs: UInt64) -> (SkewedHost, SkewedHost) {
        let first = SkewedHost(name: "alpha", clockUUID: "a0000000-0000-0000-0000-000000000001")
        let second = SkewedHost(
            name: "beta",
            uuidByte: 2,
            clockUUID: "b0000000-0000-0000-0000-000000000001",
            clockNs: { $0 + skewNs }
        )
        return (first, second)
    }

    private func measured(_ trial: CoordinatorTrial) -> [ClockReport] {
        trial.clockReports.filter { !$0.isAgainstCoordinator }
    }

    @Test
    func `messages between two hosts bound their clocks from both sides`() throws {
        let (first, second) = hosts(.ms(2_500))
        let trial = CoordinatorTrial.of(SkewedHost.exchange(first, second, seconds: 40), messages: SkewedHost.rules)
        trial.run(untilNs: .ms(38_000))
        let reports = measured(trial)
        #expect(!reports.isEmpty && reports.count < 10)
        for report in reports {
            #expect(report.relay == "relay-1" && report.host == "beta")
            #expect(report.referenceRelay == "relay-0" && report.referenceHost == "alpha")
            let lowerNs = try #require(report.lowerNs)
            let upperNs = try #require(report.upperNs)
            #expect(lowerNs <= 2_500_000_000 && 2_500_000_000 <= upperNs)
        }
        let last = try #require(reports.last)
        #expect(last.quality == .accurate)
        #expect(try #require(last.upperNs) - #require(last.lowerNs) < 700_000)
        #expect(abs(try #require(last.driftPpb)) <= last.driftErrorPpb)
        #expect(trial.notes.contains { $0.text.contains("ahead of that of alpha (accurate)") })
    }

    @Test
    func `without rules nothing is compared`() {
        let (first, second) = hosts(.ms(2_500))
        let trial = CoordinatorTrial.of(SkewedHost.exchange(first, second, seconds: 20))
        trial.run(untilNs: .ms(18_000))
        // What is told is how both stand against the coordinator, again where a poll came sooner after a packet.
        #expect(measured(trial).isEmpty)
        #expect((2...6).contains(trial.clockReports.count), "\(trial.clockReports.count)")
    }

    @Test
    func `rules that name other events, or fields that these have not, compare nothing`() {
        let (first, second) = hosts(0)
        let others = [
            MessageRule(send: "app:send", receive: "app:receive", field: "seqno"),
            MessageRule(send: "app:sent", receive: "app:received", field: "value"),
        ]
        let trial = CoordinatorTrial.of(SkewedHost.exchange(first, second, seconds: 20), messages: others)
        trial.run(untilNs: .ms(18_000))
        #expect(measured(trial).isEmpty)
        #expect(trial.eventCount > 60)
    }

    @Test
    func `a clock that is set makes its measurements fail, and they come back`() throws {
        var (first, second) = hosts(0)
        second.clockNs = { $0 >= .ms(20_250) ? $0 + .ms(4_000) : $0 }
        let trial = CoordinatorTrial.of(SkewedHost.exchange(first, second, seconds: 45), messages: SkewedHost.rules)
        trial.run(untilNs: .ms(44_000))
        let qualities = measured(trial).map(\.quality)
        let failed = try #require(qualities.firstIndex(of: .failed))
        #expect(failed > 0 && qualities[failed...].contains { $0 == .accurate || $0 == .approximate })
        let lowerNs = try #require(measured(trial).last?.lowerNs)
        let upperNs = try #require(measured(trial).last?.upperNs)
        #expect(lowerNs <= 4_000_000_000 && 4_000_000_000 <= upperNs)
        first.clockNs = { $0 }
    }

    @Test(arguments: [0, 1])
    func `when either of two hosts is gone, they are no longer compared`(gone: Int) throws {
        let (first, second) = hosts(0)
        var sessions = SkewedHost.exchange(first, second, seconds: 30)
        sessions[gone][0].endsAtNs = .ms(20_000)
        let trial = CoordinatorTrial.of(sessions, messages: SkewedHost.rules)
        trial.run(untilNs: .ms(19_000))
        #expect(measured(trial).last?.quality == .accurate)
        trial.run(untilNs: .ms(29_000))
        let absent = measured(trial).filter { $0.quality == .absent }
        #expect(absent.count == 1 && measured(trial).last?.quality == .absent)
        #expect(absent.first?.host == "beta" && absent.first?.referenceHost == "alpha")
    }
}
