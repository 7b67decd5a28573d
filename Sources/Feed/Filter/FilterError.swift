/// Why a filter expression is refused, and where.
package struct FilterError: Error, Sendable, Equatable {
    /// The character at which it is wrong, counted from 1; one past the last where something is missing at the end.
    package let column: Int
    /// What was expected, for people.
    package let reason: String

    package init(column: Int, reason: String) {
        self.column = column
        self.reason = reason
    }

    /// The message, the expression below it, and below that a mark at the column.
    /// - Parameter expression: the text that was refused. Of a long one only the part around the column is shown.
    package func text(_ expression: String) -> String {
        let width = 100
        let characters = expression.unicodeScalars.map(\.shown)
        let start = max(0, min(column - 1, characters.count) - width / 2)
        var line = ""
        line.unicodeScalars.append(contentsOf: characters[start..<min(start + width, characters.count)])
        return "\(self)\n  \(line)\n  \(String(repeating: " ", count: column - 1 - start))^"
    }
}

extension FilterError: CustomStringConvertible {
    package var description: String { "column \(column): \(reason)" }
}

extension Unicode.Scalar {
    /// Itself, or a space instead of what a terminal would obey: one column each.
    var shown: Unicode.Scalar {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned: " "
        default: self
        }
    }
}
