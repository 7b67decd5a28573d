/// A value that is known before an event is read.
enum FilterKnown: Hashable {
    case integer(Int64)
    case float(Double)
    case text(FilterPattern)

    /// Whether it is true; nil when it is no condition.
    var truth: Bool? {
        guard case .integer(let value) = self else { return nil }
        return value != 0
    }

    private var number: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .float(let value): value
        case .text: nil
        }
    }

    /// What an operator makes of it; nil where that is nothing.
    func applying(_ operation: FilterUnary) -> FilterKnown? {
        switch (operation, self) {
        case (.plus, .integer), (.plus, .float): self
        case (.negate, .integer(let value)): .integer(0 &- value)
        case (.negate, .float(let value)): .float(-value)
        case (.complement, .integer(let value)): .integer(~value)
        case (.not, .integer(let value)): .integer(value == 0 ? 1 : 0)
        default: nil
        }
    }

    func applying(_ operation: FilterBinary, _ right: FilterKnown) -> FilterKnown? {
        switch (operation, self, right) {
        case (.leftShift, .integer, .integer(let bits)), (.rightShift, .integer, .integer(let bits)):
            guard (0...63).contains(bits), case .integer(let value) = self else { return nil }
            return .integer(FilterArithmetic.bits(operation, value, bits))
        case (.and, .integer(let left), .integer(let right)), (.xor, .integer(let left), .integer(let right)),
            (.or, .integer(let left), .integer(let right)):
            return .integer(FilterArithmetic.bits(operation, left, right))
        case (.leftShift, _, _), (.rightShift, _, _), (.and, _, _), (.xor, _, _), (.or, _, _), (.logicalAnd, _, _),
            (.logicalOr, _, _):
            return nil
        default: return isTrue(operation, right).map { .integer($0 ? 1 : 0) }
        }
    }

    private func isTrue(_ operation: FilterBinary, _ right: FilterKnown) -> Bool? {
        if case .integer(let left) = self, case .integer(let right) = right {
            return FilterArithmetic.isTrue(operation, left, right)
        }
        if let left = number, let right = right.number { return FilterArithmetic.isTrue(operation, left, right) }
        guard case .text(let left) = self, case .text(let right) = right else { return nil }
        if left.hasStar || right.hasStar {
            let (pattern, text) = left.hasStar ? (left, right) : (right, left)
            let matches = (pattern.tokens + pattern.borders).withUnsafeBufferPointer { memory in
                text.bytes.withUnsafeBytes { FilterValue(pattern: memory).matches($0) }
            }
            switch operation {
            case .equal: return matches
            case .notEqual: return !matches
            default: return nil
            }
        }
        return FilterArithmetic.isTrue(operation, Bytes(left), Bytes(right))
    }

    /// Texts are ordered by their bytes.
    private struct Bytes: Comparable {
        let bytes: [UInt8]

        init(_ pattern: FilterPattern) { bytes = pattern.bytes }

        static func < (left: Bytes, right: Bytes) -> Bool { left.bytes.lexicographicallyPrecedes(right.bytes) }
    }
}
