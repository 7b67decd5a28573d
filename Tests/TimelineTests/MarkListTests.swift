import Feed
import Testing

@testable import Timeline

@Suite struct MarkListTests {
    static func relay(_ state: RelayState, frontierNs: Int64? = nil) -> RelayStateChange {
        RelayStateChange(relay: "gamma", state: state, reason: "no answer", frontierNs: frontierNs)
    }

    static func loss(_ ns: Int64?) -> LossRecord {
        LossRecord(
            relay: "gamma",
            host: "db",
            session: "S",
            sessionID: 1,
            streamID: nil,
            unit: .events,
            count: 5,
            fromNs: ns,
            toNs: ns,
            reason: ""
        )
    }

    @Test func `an exclusion begins at the relay's frontier, goes on while it comes back, and ends at W`() {
        var marks = MarkList(othersMax: 10)
        marks.note(Self.relay(.active), watermarkNs: 50, revision: 1)
        marks.note(Self.relay(.excluded, frontierNs: 70), watermarkNs: 100, revision: 2)
        marks.note(Self.relay(.excluded, frontierNs: 71), watermarkNs: 101, revision: 3)
        marks.note(Self.relay(.rejoining), watermarkNs: 300, revision: 4)
        let open = marks.marks(fromNs: 500, toNs: 600, limit: 0).marks
        #expect(open.map(\.fromNs) == [70])
        #expect(open.map(\.toNs) == [nil])
        #expect(marks.marks(fromNs: 0, toNs: 70, limit: 9).marks.isEmpty)
        marks.drop(beforeNs: 400)
        marks.note(Self.relay(.active), watermarkNs: 450, revision: 5)
        #expect(marks.changed(since: 4).map(\.toNs) == [450])
        #expect(marks.marks(fromNs: 451, toNs: 600, limit: 9).marks.isEmpty)
        #expect(marks.marks(fromNs: 450, toNs: 451, limit: 9).marks.count == 1)
        marks.note(Self.relay(.excluded), watermarkNs: 460, revision: 6)
        #expect(marks.marks(fromNs: 0, toNs: .max, limit: 9).marks.map(\.fromNs) == [70, 460])
        marks.drop(beforeNs: 455)
        #expect(marks.marks(fromNs: 0, toNs: .max, limit: 9).marks.map(\.fromNs) == [460])
    }

    @Test func `losses come by their end, and it is said when there are more or were`() {
        var marks = MarkList(othersMax: 4)
        for ns: Int64? in [30, 10, nil, 20] { marks.note(Self.loss(ns), lane: 3, watermarkNs: 15, revision: 1) }
        let all = marks.marks(fromNs: 0, toNs: 100, limit: 9)
        #expect(all.marks.map(\.columnNs) == [10, 15, 20, 30])
        #expect(!all.more)
        #expect(marks.marks(fromNs: 0, toNs: 100, limit: 3).more)
        #expect(marks.marks(fromNs: 11, toNs: 20, limit: 9).marks.map(\.columnNs) == [15])
        marks.note(Self.loss(40), lane: 3, watermarkNs: 15, revision: 2)
        #expect(marks.cutNs == 30)
        #expect(marks.marks(fromNs: 30, toNs: 100, limit: 9).more)
        #expect(!marks.marks(fromNs: 31, toNs: 100, limit: 9).more)
    }

    @Test func `a step lies between the report before and W`() {
        var marks = MarkList(othersMax: 4)
        var report = ClockReport(relay: "gamma", host: "db", quality: .accurate)
        marks.note(report, lane: 1, watermarkNs: 100, revision: 1)
        report.stepNs = -7
        report.stepErrorNs = 2
        marks.note(report, lane: 1, watermarkNs: 200, revision: 2)
        let marked = marks.marks(fromNs: 0, toNs: 1000, limit: 9).marks
        #expect(marked.map(\.kind) == [.step(stepNs: -7, errorNs: 2)])
        #expect(marked.map(\.fromNs) == [100])
        #expect(marked.map(\.toNs) == [200])
    }
}
