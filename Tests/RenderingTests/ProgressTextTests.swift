import Rendering
import Testing

struct ProgressTextTests {
    private func line(_ seconds: Double, _ events: UInt64, _ fraction: Double?, width: Int = 100) -> String {
        ProgressText(elapsedNs: Int64(seconds * 1e9), events: events, fraction: fraction).line("export", width: width)
    }

    @Test func `it tells the part, the events, their rate and what is left`() {
        #expect(line(4, 1_234_568, 0.25) == "export: 25 %, 1 234 568 events, 308 642/s, 12 s left")
        #expect(line(2, 10, nil) == "export: 10 events, 5/s")
        #expect(line(60, 600, 0.1) == "export: 10 %, 600 events, 10/s, 9 min left")
        #expect(line(3600, 3600, 0.1) == "export: 10 %, 3 600 events, 1/s, 9 h left")
    }

    @Test func `what nobody can know yet is left out`() {
        #expect(line(0.5, 10, 0.5) == "export: 50 %, 10 events, 20/s")
        #expect(line(2, 10, 0) == "export: 0 %, 10 events, 5/s")
        #expect(line(2, 10, 1.7) == "export: 100 %, 10 events, 5/s")
        #expect(line(0, 0, -1) == "export: 0 %, 0 events, 0/s")
    }

    @Test func `it is no longer than the terminal is wide`() {
        #expect(line(4, 1_234_568, 0.25, width: 12) == "export: 25 %")
        #expect(line(4, 1, 0.25, width: -3).isEmpty)
    }
}
