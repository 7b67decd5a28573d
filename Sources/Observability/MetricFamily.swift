/// What is measured under one name: the metrics of one scrape that differ in their labels only.
package struct MetricFamily: Sendable, Hashable {
    package enum Kind: String, Sendable {
        /// Never goes back while the program runs; its name ends with `_total`.
        case counter
        case gauge
        /// How many observations were at most so large, for some sizes.
        case histogram
    }

    /// As Prometheus has it: letters, digits and `_`, with the unit (`_seconds`, `_bytes`) at the end.
    package let name: String
    package let kind: Kind
    /// One sentence for people.
    package let help: String
    /// Names of labels, in the order in which values are given.
    package let labels: [String]
    /// Series of one scrape; further ones are left out and counted.
    package let seriesMax: Int

    package init(_ name: String, _ kind: Kind, _ help: String, labels: [String] = [], seriesMax: Int = 1000) {
        precondition(Self.isName(name) && labels.allSatisfy(Self.isName), "no name of a metric: \(name)")
        precondition(name.hasSuffix("_total") == (kind == .counter), "counters end with _total, and nothing else")
        precondition(!labels.contains("le"), "le is the label of a histogram's bounds")
        precondition(!help.isEmpty && seriesMax > 0)
        self.name = name
        self.kind = kind
        self.help = help
        self.labels = labels
        self.seriesMax = seriesMax
    }

    private static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
            default: false
            }
        }
    }
}
