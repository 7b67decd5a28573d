package import CTF

/// Ignores all values: for finding where an event ends, and of which class it is.
package struct SkippingVisitor: FieldVisitor {
    /// Index in the program's events; nil before the first.
    package private(set) var event: Int?

    package init() {}

    package mutating func beginEvent(_ event: Int, clockCycles: UInt64) { self.event = event }
    package mutating func endEvent() {}
    package mutating func beginScope(_ scope: FieldScope) {}
    package mutating func endScope(_ scope: FieldScope) {}
    package mutating func beginStructure(_ field: FieldID) {}
    package mutating func endStructure(_ field: FieldID) {}
    package mutating func beginArray(_ field: FieldID, count: Int) {}
    package mutating func endArray(_ field: FieldID) {}
    package mutating func beginVariant(_ field: FieldID, option: Int) {}
    package mutating func endVariant(_ field: FieldID) {}
    package mutating func beginOptional(_ field: FieldID, isPresent: Bool) {}
    package mutating func endOptional(_ field: FieldID) {}
    package mutating func unsigned(_ value: UInt64, _ field: FieldID) {}
    package mutating func signed(_ value: Int64, _ field: FieldID) {}
    package mutating func float(_ value: Float, _ field: FieldID) {}
    package mutating func double(_ value: Double, _ field: FieldID) {}
    package mutating func text(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {}
    package mutating func blob(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {}
}
