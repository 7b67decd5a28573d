/// The table of `tidemark top` as lines of text.
extension TopTable {
    /// - Parameters:
    ///   - rows: of the view.
    ///   - nowNs: our wall clock, nanoseconds since the Unix epoch.
    ///   - width: columns of the terminal: no line is longer.
    /// - Returns: the sum of all, the titles, and a line for each row.
    package func lines(_ view: View, _ rows: [Row], nowNs: Int64, width: Int) -> [String] {
        let titles = Column.allCases.map { column in
            column == view.sort
                ? column.rawValue.uppercased() + (view.isReversed ? "^" : "v") : column.rawValue.uppercased()
        }
        let cells = rows.map { row in
            [
                Self.plain(row.name), row.state, Self.number(row.rate), "\(row.events)", "\(row.late)", Self.lost(row),
                row.quietNs.map { Self.seconds(Double($0) / 1e9) } ?? "-",
            ]
        }
        var widths = titles.map(\.count)
        for line in cells { for (index, cell) in line.enumerated() { widths[index] = max(widths[index], cell.count) } }
        // The name gives way: what is counted is what one looks for.
        let others = widths.dropFirst().reduce(0) { $0 + $1 + 2 }
        widths[0] = min(widths[0], max(width - others, 8))
        func line(_ cells: [String]) -> String {
            let parts = cells.enumerated().map { index, cell in
                let space = String(repeating: " ", count: max(widths[index] - cell.count, 0))
                return index <= 1 ? String(cell.prefix(widths[index])) + space : space + cell
            }
            return Self.cut(parts.joined(separator: "  "), width)
        }
        return [Self.cut(summary(view, nowNs: nowNs), width), line(titles)] + cells.map(line)
    }

    private func summary(_ view: View, nowNs: Int64) -> String {
        let what = view.relay.map { "sessions of \(Self.plain($0))" } ?? "relays"
        var text = "\(what): \(Self.number(rate)) events/s"
        if let watermarkNs {
            let (lag, overflow) = nowNs.subtractingReportingOverflow(watermarkNs)
            text += ", W is \(overflow ? "far" : Self.seconds(Double(lag) / 1e9)) behind"
        }
        if missedFrames > 0 { text += ", \(missedFrames) frames missed" }
        if !view.filter.isEmpty { text += ", only *\(Self.plain(view.filter))*" }
        return text
    }

    private static func lost(_ row: Row) -> String {
        var parts = [String]()
        if row.lostPackets > 0 { parts.append("\(row.lostPackets)p") }
        if row.unknownLosses > 0 { parts.append("\(row.unknownLosses)?") }
        return (["\(row.lostEvents)"] + parts).joined(separator: "+")
    }

    /// One decimal where that says something.
    private static func number(_ value: Double) -> String {
        guard value < 1e15 else { return ">1e15" }
        if value >= 100 { return "\(UInt64(value.rounded()))" }
        let tenths = UInt64((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }

    private static func seconds(_ value: Double) -> String { (value < 0 ? "-" : "") + number(value.magnitude) + "s" }

    private static func cut(_ text: String, _ width: Int) -> String { String(text.prefix(max(width, 0))) }

    /// A name without what a terminal would obey.
    private static func plain(_ text: String) -> String {
        var scalars = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            scalars.append(isControl ? "\u{FFFD}" : scalar)
        }
        return String(scalars)
    }
}
