/// A value for a field class.
package enum FieldValue: Sendable, Equatable {
    case unsigned(UInt64)
    case signed(Int64)
    /// The bits of a 32- or 64-bit number.
    case floatBits(UInt64)
    /// A string without its NUL, or all bytes of a text array.
    case text([UInt8])
    /// Members in order.
    case structure([FieldValue])
    case array([FieldValue])
    /// A variant's option, by index, and its value.
    indirect case option(Int, FieldValue)
    case blob([UInt8])
    /// An optional's value, or none.
    case absent
    indirect case present(FieldValue)

    /// A string.
    package static func string(_ text: String) -> FieldValue { .text(Array(text.utf8)) }
    /// A double.
    package static func double(_ value: Double) -> FieldValue { .floatBits(value.bitPattern) }
    /// A float.
    package static func float(_ value: Float) -> FieldValue { .floatBits(UInt64(value.bitPattern)) }
}
