/// Every bound of the filter language.
package struct FilterLimits: Sendable, Equatable {
    /// The longest expression, bytes of UTF-8.
    package var expressionBytes = 4 << 10
    /// Parentheses and unary operators inside of each other.
    package var depth = 64
    /// Operands and operators of an expression.
    package var nodes = 512
    /// Names and indexes that lead to one field.
    package var pathComponents = 32
    /// Comparisons with texts, which cost as much as the texts of events are long.
    package var texts = 64

    package init() {}
}
