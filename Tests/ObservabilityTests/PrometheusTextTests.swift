import Testing

@testable import Observability

/// What a scrape says in Prometheus' text format.
struct PrometheusTextTests {
    private static let events = MetricFamily("test_events_total", .counter, "Events.", labels: ["relay", "host"])
    private static let lag = MetricFamily("test_lag_seconds", .gauge, "How far behind.")
    private static let time = MetricFamily("test_time_seconds", .histogram, "How long.", labels: ["step"])
    private static let few = MetricFamily("test_few", .gauge, "Few.", labels: ["name"], seriesMax: 2)
    private static let registry = MetricRegistry([events, lag, time, few])

    private func text(_ fill: (inout MetricScrape) -> Void) -> String {
        var scrape = MetricScrape(Self.registry)
        fill(&scrape)
        return String(decoding: scrape.prometheusText, as: UTF8.self)
    }

    @Test
    func `each family has its help and type before its series, in the registry's order`() {
        let text = text {
            $0.add(Self.lag, ns: 1_500_000_000)
            $0.add(Self.events, ["a", "x"], UInt64.max)
            $0.add(Self.events, ["a", "y"], 0)
        }
        #expect(
            text == """
                # HELP test_events_total Events.
                # TYPE test_events_total counter
                test_events_total{relay="a",host="x"} 18446744073709551615
                test_events_total{relay="a",host="y"} 0
                # HELP test_lag_seconds How far behind.
                # TYPE test_lag_seconds gauge
                test_lag_seconds 1.5

                """
        )
    }

    @Test
    func `a family without series is not shown`() {
        #expect(text { _ in } == "")
    }

    @Test
    func `what peers put into names cannot end a line or a value`() {
        let hostile = "a\"} 1\ntest_lag_seconds 99\\\u{1B}[31m\u{85}é"
        let lines = text { $0.add(Self.events, ["r", hostile], 7) }.split(separator: "\n")
        #expect(lines.count == 3)
        let shown = "a\\\"} 1\u{FFFD}test_lag_seconds 99\\\\\u{FFFD}[31m\u{FFFD}é"
        #expect(lines.last == "test_events_total{relay=\"r\",host=\"\(shown)\"} 7")
    }

    @Test
    func `a help with a line feed or a backslash stays one line`() {
        let family = MetricFamily("test_help", .gauge, "One\\two\n\"three\"")
        var scrape = MetricScrape(MetricRegistry([family]))
        scrape.add(family, [], true)
        let text = String(decoding: scrape.prometheusText, as: UTF8.self)
        #expect(text == "# HELP test_help One\\\\two\\n\"three\"\n# TYPE test_help gauge\ntest_help 1\n")
    }

    @Test
    func `numbers are those that Prometheus reads`() {
        let numbers: [(Double, String)] = [
            (0, "0"), (-0.25, "-0.25"), (1e-9, "1e-09"), (1e300, "1e+300"), (.nan, "NaN"), (.infinity, "+Inf"),
            (-.infinity, "-Inf"), (1_795_432_391.802, "1795432391.802"),
        ]
        for (value, shown) in numbers {
            #expect(text { $0.add(Self.lag, [], .real(value)) }.hasSuffix("test_lag_seconds \(shown)\n"), "\(value)")
        }
        #expect(text { $0.add(Self.lag, [], -3) }.hasSuffix("test_lag_seconds -3\n"))
    }

    @Test
    func `a histogram's buckets are cumulative, in seconds, and end with all`() {
        var histogram = Histogram(boundsNs: [1_000_000, 2_500_000_000])
        for ns: Int64 in [-5, 1_000_000, 1_000_001, 9_000_000_000] { histogram.record(ns: ns) }
        let text = text { $0.add(Self.time, ["a"], .histogram(histogram)) }
        #expect(
            text.split(separator: "\n").dropFirst(2) == [
                "test_time_seconds_bucket{step=\"a\",le=\"0.001\"} 2",
                "test_time_seconds_bucket{step=\"a\",le=\"2.5\"} 3",
                "test_time_seconds_bucket{step=\"a\",le=\"+Inf\"} 4",
                "test_time_seconds_sum{step=\"a\"} 9.002000001",
                "test_time_seconds_count{step=\"a\"} 4",
            ]
        )
    }

    @Test
    func `a family takes so many series, and how many it left out is said`() {
        let text = text { scrape in
            for name in ["a", "b", "c", "d"] { scrape.add(Self.few, [name], 1) }
            // One that is there already is none more.
            scrape.add(Self.few, ["b"], 5)
            scrape.leaveOut(Self.few, 10)
        }
        #expect(text.contains("test_few{name=\"b\"} 5\n"))
        #expect(!text.contains("name=\"c\""))
        #expect(text.hasSuffix("tidemark_metrics_series_left_out{family=\"test_few\"} 12\n"))
    }

    @Test
    func `names that are the same once they are cut are one series`() {
        let long = String(repeating: "x", count: MetricScrape.labelBytesMax)
        let lines = text { scrape in
            scrape.add(Self.events, ["r", long + "1"], 3)
            scrape.add(Self.events, ["r", long + "2"], 4)
        }
        .split(separator: "\n")
        #expect(lines.dropFirst(2) == ["test_events_total{relay=\"r\",host=\"\(long)\"} 7"])
        // Whole characters only.
        let wide = String(repeating: "é", count: MetricScrape.labelBytesMax)
        let cut = text { $0.add(Self.events, ["r", wide], 1) }
        #expect(cut.contains("host=\"" + String(repeating: "é", count: MetricScrape.labelBytesMax / 2) + "\""))
    }
}
