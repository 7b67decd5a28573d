import Rendering
import Testing

/// The second table of `tidemark top`.
struct ForwarderTableTests {
    private func metrics(events: Int, state: String = "delivering") -> String {
        """
        # HELP tidemark_forwarder_state 1 for the state
        # TYPE tidemark_forwarder_state gauge
        tidemark_forwarder_state{forwarder="b",kind="otlp",state="\(state)"} 1
        tidemark_forwarder_state{forwarder="a",kind="file",state="delivering"} 1
        tidemark_forwarder_events_total{forwarder="b",kind="otlp"} \(events)
        tidemark_forwarder_lag_frames{forwarder="b",kind="otlp"} 7
        tidemark_relay_state{relay="x",state="active"} 1
        tidemark_forwarder_odd
        """
    }

    @Test
    func `it shows what the metrics say, and the rate between two looks`() {
        var table = ForwarderTable()
        #expect(table.lines(width: 200) == [])
        table.take(metrics(events: 100), nowNs: 1_000_000_000)
        table.take(metrics(events: 600, state: "retrying"), nowNs: 3_000_000_000)
        #expect(
            table.lines(width: 200) == [
                "FORWARDER  KIND  STATE       RATE  EVENTS  REFUSED  DAMAGED  MISSED  RETRIES  LAG  QUEUE",
                "a          file  delivering     0       0        0        0       0        0    0      0",
                "b          otlp  retrying     250     600        0        0       0        0    7      0",
            ]
        )
        #expect(table.lines(width: 9).map(\.count) == [9, 9, 9])
        table.take("", nowNs: 4_000_000_000)
        #expect(table.isEmpty)
    }
}
