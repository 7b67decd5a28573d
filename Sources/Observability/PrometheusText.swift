/// A scrape in Prometheus' text format, version 0.0.4.
extension MetricScrape {
    /// What the format is called in HTTP.
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// Families in the registry's order; those without series are left out. O(series).
    package var prometheusText: [UInt8] {
        var text = PrometheusText()
        for (family, series) in zip(registry.families, complete.series) where !series.isEmpty {
            text.head(family)
            for one in series { text.line(family, one) }
        }
        return text.bytes
    }
}

private struct PrometheusText {
    private(set) var bytes: [UInt8] = []

    mutating func head(_ family: MetricFamily) {
        // Quotes need no escape here, backslashes and line feeds do.
        put("# HELP \(family.name) ")
        for byte in family.help.utf8 { put(byte, escapingQuotes: false) }
        put("\n# TYPE \(family.name) \(family.kind.rawValue)\n")
    }

    mutating func line(_ family: MetricFamily, _ series: MetricScrape.Series) {
        switch series.value {
        case .integer(let value): line(family.name, family.labels, series.labels, "\(value)")
        case .real(let value): line(family.name, family.labels, series.labels, Self.number(value))
        case .histogram(let histogram): lines(family, series.labels, histogram)
        }
    }

    private mutating func lines(_ family: MetricFamily, _ values: [String], _ histogram: Histogram) {
        let labels = family.labels + ["le"]
        var count: UInt64 = 0
        for (bound, inBucket) in zip(histogram.boundsNs, histogram.counts) {
            count += inBucket
            line(family.name + "_bucket", labels, values + [Self.number(Double(bound) / 1e9)], "\(count)")
        }
        line(family.name + "_bucket", labels, values + ["+Inf"], "\(histogram.count)")
        line(family.name + "_sum", family.labels, values, Self.number(Double(histogram.sumNs) / 1e9))
        line(family.name + "_count", family.labels, values, "\(histogram.count)")
    }

    private mutating func line(_ name: String, _ labels: [String], _ values: [String], _ value: String) {
        put(name)
        for (index, (label, value)) in zip(labels, values).enumerated() {
            put(index == 0 ? "{" : ",")
            put(label)
            put("=\"")
            for byte in value.utf8 { put(byte, escapingQuotes: true) }
            put("\"")
        }
        put(labels.isEmpty ? " " : "} ")
        put(value)
        put("\n")
    }

    private mutating func put(_ text: String) { bytes += text.utf8 }

    private mutating func put(_ byte: UInt8, escapingQuotes: Bool) {
        switch byte {
        case UInt8(ascii: "\\"): put("\\\\")
        case UInt8(ascii: "\n"): put("\\n")
        case UInt8(ascii: "\"") where escapingQuotes: put("\\\"")
        default: bytes.append(byte)
        }
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        // Whole seconds without a fraction, as everybody writes them.
        if value == value.rounded(), value.magnitude < 1e15 { return "\(Int64(value))" }
        return "\(value)"
    }
}
