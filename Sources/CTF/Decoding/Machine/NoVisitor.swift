/// Sees nothing: for scans, headers and preambles.
@frozen @usableFromInline
struct NoVisitor: FieldVisitor {
    @inlinable init() {}
    @inlinable mutating func beginEvent(_ event: Int, clockCycles: UInt64) {}
    @inlinable mutating func endEvent() {}
    @inlinable mutating func beginScope(_ scope: FieldScope) {}
    @inlinable mutating func endScope(_ scope: FieldScope) {}
    @inlinable mutating func beginStructure(_ field: FieldID) {}
    @inlinable mutating func endStructure(_ field: FieldID) {}
    @inlinable mutating func beginArray(_ field: FieldID, count: Int) {}
    @inlinable mutating func endArray(_ field: FieldID) {}
    @inlinable mutating func beginVariant(_ field: FieldID, option: Int) {}
    @inlinable mutating func endVariant(_ field: FieldID) {}
    @inlinable mutating func beginOptional(_ field: FieldID, isPresent: Bool) {}
    @inlinable mutating func endOptional(_ field: FieldID) {}
    @inlinable mutating func unsigned(_ value: UInt64, _ field: FieldID) {}
    @inlinable mutating func signed(_ value: Int64, _ field: FieldID) {}
    @inlinable mutating func float(_ value: Float, _ field: FieldID) {}
    @inlinable mutating func double(_ value: Double, _ field: FieldID) {}
    @inlinable mutating func text(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {}
    @inlinable mutating func blob(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {}
}
