/// All that a program measures, in the order in which it is shown.
package struct MetricRegistry: Sendable {
    /// The registry's own: series that a scrape left out, since their family had more than it may have.
    package static let leftOut = MetricFamily(
        "tidemark_metrics_series_left_out",
        .gauge,
        "Series that this scrape leaves out because their family has more than it may have.",
        labels: ["family"]
    )

    /// Names are unique.
    package let families: [MetricFamily]
    private let numbers: [String: Int]

    package init(_ families: [MetricFamily]) {
        self.families = families + [Self.leftOut]
        numbers = Dictionary(self.families.enumerated().map { ($1.name, $0) }) { _, _ in
            preconditionFailure("a family of metrics is there twice")
        }
    }

    /// Where the family is in `families`; nil where it is not registered.
    func number(of family: MetricFamily) -> Int? { numbers[family.name] }
}
