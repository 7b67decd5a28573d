/// The values of one moment. Whoever measures puts them in; `prometheusText` shows them.
///
/// Values of labels may come from hostile peers: control characters are replaced, long ones are cut, and a family takes
/// only so many series. Two that are the same after that are one: counters are added, of gauges the greater one counts.
package struct MetricScrape: Sendable {
    package enum Value: Sendable, Equatable {
        case integer(UInt64)
        case real(Double)
        case histogram(Histogram)
    }

    struct Series: Sendable {
        var labels: [String]
        var value: Value
    }

    /// What is kept of a label's value, bytes of UTF-8.
    package static let labelBytesMax = 512

    package let registry: MetricRegistry
    /// By family, as in the registry.
    private(set) var series: [[Series]]
    private var places: [[[String]: Int]]
    private var leftOut: [UInt64]

    package init(_ registry: MetricRegistry) {
        self.registry = registry
        series = Array(repeating: [], count: registry.families.count)
        places = Array(repeating: [:], count: registry.families.count)
        leftOut = Array(repeating: 0, count: registry.families.count)
    }

    /// - Parameters:
    ///   - family: of the registry.
    ///   - labels: values of the family's labels, in its order.
    package mutating func add(_ family: MetricFamily, _ labels: [String], _ value: Value) {
        guard let number = registry.number(of: family) else { preconditionFailure("\(family.name) is not registered") }
        precondition(labels.count == family.labels.count, "\(family.name) has other labels")
        let labels = labels.map(Self.plain)
        if let place = places[number][labels] {
            series[number][place].value = Self.merged(series[number][place].value, value, family.kind)
        } else if series[number].count < family.seriesMax {
            places[number][labels] = series[number].count
            series[number].append(Series(labels: labels, value: value))
        } else {
            leftOut[number] += 1
        }
    }

    package mutating func add(_ family: MetricFamily, _ labels: [String], _ value: UInt64) {
        add(family, labels, .integer(value))
    }

    package mutating func add(_ family: MetricFamily, _ labels: [String], _ value: Int) {
        add(family, labels, value >= 0 ? .integer(UInt64(value)) : .real(Double(value)))
    }

    package mutating func add(_ family: MetricFamily, _ labels: [String], _ value: Bool) {
        add(family, labels, .integer(value ? 1 : 0))
    }

    /// - Parameter ns: nanoseconds, shown as seconds.
    package mutating func add(_ family: MetricFamily, _ labels: [String] = [], ns: Int64) {
        add(family, labels, .real(Double(ns) / 1e9))
    }

    /// Takes in what the caller knows to be left out beside what it adds.
    package mutating func leaveOut(_ family: MetricFamily, _ count: Int) {
        guard let number = registry.number(of: family) else { preconditionFailure("\(family.name) is not registered") }
        leftOut[number] += UInt64(max(count, 0))
    }

    /// A series of a family; nil where it has none with these labels.
    package func value(_ family: MetricFamily, _ labels: [String] = []) -> Value? {
        registry.number(of: family).flatMap { number in
            places[number][labels].map { series[number][$0].value }
        }
    }

    /// The scrape with what it left out.
    var complete: MetricScrape {
        var whole = self
        for (number, count) in leftOut.enumerated() where count > 0 {
            whole.add(MetricRegistry.leftOut, [registry.families[number].name], count)
        }
        return whole
    }

    private static func merged(_ old: Value, _ new: Value, _ kind: MetricFamily.Kind) -> Value {
        switch (old, new, kind) {
        case (.integer(let old), .integer(let new), .counter):
            let (sum, overflow) = old.addingReportingOverflow(new)
            return .integer(overflow ? .max : sum)
        case (.integer(let old), .integer(let new), _): return .integer(max(old, new))
        case (.real(let old), .real(let new), .counter): return .real(old + new)
        case (.real(let old), .real(let new), _): return .real(max(old, new))
        default: return new
        }
    }

    /// A text without control characters, cut where it is long.
    private static func plain(_ text: String) -> String {
        let isPlain = text.utf8.count <= labelBytesMax && text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
        if isPlain { return text }
        var result = String.UnicodeScalarView()
        var bytes = 0
        for scalar in text.unicodeScalars {
            let kept = scalar.properties.generalCategory == .control ? "\u{FFFD}" : scalar
            bytes += UTF8.width(kept)
            guard bytes <= labelBytesMax else { break }
            result.append(kept)
        }
        return String(result)
    }
}
