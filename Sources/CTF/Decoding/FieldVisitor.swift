/// The number of a field in the program that reads it: index of `TraceProgram.fields`.
@frozen @usableFromInline
package struct FieldID: Hashable, BitwiseCopyable, Sendable {
    @usableFromInline package var rawValue: UInt32

    @inlinable
    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }
}

/// Receives the values of an event record, in the order in which they stand in the packet.
///
/// Text, JSON, protobuf, filters and exports are visitors. A call names its field by id; what does not change from
/// event to event (name, labels, display base) is looked up once in `TraceProgram.fields` and prepared by the visitor.
/// Every `begin` has its `end`. The members of a structure, the elements of an array, the one option of a variant and
/// what an optional holds come between them. A scope's own root structure is announced by `beginScope` alone.
@usableFromInline
package protocol FieldVisitor {
    /// An event record begins.
    /// - Parameters:
    ///   - event: its class, index of `TraceProgram.events`.
    ///   - clockCycles: the clock's value after the event's header; 0 without a clock.
    mutating func beginEvent(_ event: Int, clockCycles: UInt64)
    mutating func endEvent()
    mutating func beginScope(_ scope: FieldScope)
    mutating func endScope(_ scope: FieldScope)
    mutating func beginStructure(_ field: FieldID)
    mutating func endStructure(_ field: FieldID)
    /// - Parameter count: how many elements follow.
    mutating func beginArray(_ field: FieldID, count: Int)
    mutating func endArray(_ field: FieldID)
    /// - Parameter option: index of the chosen option in `VariantClass.options`.
    mutating func beginVariant(_ field: FieldID, option: Int)
    mutating func endVariant(_ field: FieldID)
    /// - Parameter isPresent: whether a value follows before the end.
    mutating func beginOptional(_ field: FieldID, isPresent: Bool)
    mutating func endOptional(_ field: FieldID)
    /// Also booleans, of which only 0 is false, and bits.
    mutating func unsigned(_ value: UInt64, _ field: FieldID)
    mutating func signed(_ value: Int64, _ field: FieldID)
    mutating func float(_ value: Float, _ field: FieldID)
    mutating func double(_ value: Double, _ field: FieldID)
    /// A string or a text array.
    /// - Parameter bytes: in the encoding that its class tells, without the NUL that ends it; valid during the call
    ///   only; not checked to be of that encoding.
    mutating func text(_ bytes: UnsafeRawBufferPointer, _ field: FieldID)
    /// - Parameter bytes: valid during the call only.
    mutating func blob(_ bytes: UnsafeRawBufferPointer, _ field: FieldID)
}
