/// How a coordinator's forwarders stand, by what its metrics say: the second table of `tidemark top`.
///
/// A value, not bound to a thread.
package struct ForwarderTable: Sendable, Equatable {
    private struct Key: Hashable {
        var name: String
        var kind: String
    }

    private struct Row: Sendable, Equatable {
        var state = "?"
        var counts: [String: UInt64] = [:]
        var rate = 0.0
    }

    private static let prefix = "tidemark_forwarder_"
    private static let titles = [
        "FORWARDER", "KIND", "STATE", "RATE", "EVENTS", "REFUSED", "DAMAGED", "MISSED", "RETRIES", "LAG", "QUEUE",
    ]
    /// The families behind the columns from `EVENTS` on.
    private static let families = [
        "events_total", "refused_events_total", "damaged_events_total", "missed_frames_total", "retries_total",
        "lag_frames", "queue_bytes",
    ]

    private var rows: [Key: Row] = [:]
    private var takenNs: UInt64?

    package init() {}

    package var isEmpty: Bool { rows.isEmpty }

    /// - Parameters:
    ///   - metrics: in Prometheus' text format.
    ///   - nowNs: of any clock that does not go back.
    package mutating func take(_ metrics: String, nowNs: UInt64) {
        var new: [Key: Row] = [:]
        for line in metrics.split(separator: "\n") where line.hasPrefix(Self.prefix) {
            guard let sample = Self.sample(line.dropFirst(Self.prefix.count)),
                let name = sample.labels["forwarder"], let kind = sample.labels["kind"]
            else { continue }
            let key = Key(name: name, kind: kind)
            if sample.family == "state" {
                new[key, default: Row()].state = sample.labels["state"] ?? "?"
            } else {
                new[key, default: Row()].counts[sample.family] = UInt64(sample.value) ?? 0
            }
        }
        if let takenNs, nowNs > takenNs {
            for (key, row) in new {
                let (now, before) = (row.counts["events_total"] ?? 0, rows[key]?.counts["events_total"] ?? 0)
                new[key]?.rate = Double(now - min(before, now)) * 1e9 / Double(nowNs - takenNs)
            }
        }
        (rows, takenNs) = (new, nowNs)
    }

    /// - Returns: the titles, and a line for each forwarder, by name; none where there are none.
    package func lines(width: Int) -> [String] {
        guard !isEmpty else { return [] }
        let cells = rows.sorted { $0.key.name < $1.key.name }.map { key, row in
            [key.name, key.kind, row.state, "\(UInt64(min(row.rate, 1e15).rounded()))"]
                + Self.families.map { "\(row.counts[$0] ?? 0)" }
        }
        let table = [Self.titles] + cells
        let widths = Self.titles.indices.map { column in table.map { $0[column].count }.max() ?? 0 }
        return table.map { line in
            let parts = zip(line, widths).enumerated().map { column, cell in
                let space = String(repeating: " ", count: cell.1 - cell.0.count)
                return column <= 2 ? cell.0 + space : space + cell.0
            }
            return String(parts.joined(separator: "  ").prefix(width))
        }
    }

    /// `family{label="value",…} number`, without the family's prefix. Names of forwarders have nothing to escape.
    private static func sample(_ line: Substring) -> (family: String, labels: [String: String], value: Substring)? {
        guard let open = line.firstIndex(of: "{"), let close = line.lastIndex(of: "}"), open < close else { return nil }
        var labels: [String: String] = [:]
        for pair in line[line.index(after: open)..<close].split(separator: ",") {
            let parts = pair.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { return nil }
            labels[String(parts[0])] = String(parts[1].drop { $0 == "\"" }.prefix { $0 != "\"" })
        }
        return (String(line[..<open]), labels, line[line.index(after: close)...].drop { $0 == " " })
    }
}
