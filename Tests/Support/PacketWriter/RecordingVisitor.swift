package import CTF

/// A call that a visitor has got, with the field's name instead of its number.
package enum Visited: Equatable, Sendable {
    case beginEvent(Int, clockCycles: UInt64)
    case endEvent
    case beginScope(FieldScope)
    case endScope(FieldScope)
    case beginStructure(String)
    case endStructure(String)
    case beginArray(String, count: Int)
    case endArray(String)
    case beginVariant(String, option: Int)
    case endVariant(String)
    case unsigned(String, UInt64)
    case signed(String, Int64)
    /// Bit patterns, so that NaN equals itself.
    case float(String, UInt32)
    case double(String, UInt64)
    case text(String, [UInt8])
    case blob(String, [UInt8])
    case beginOptional(String, isPresent: Bool)
    case endOptional(String)
}

/// Writes down all calls.
package struct RecordingVisitor: FieldVisitor {
    package var calls: [Visited] = []
    private let program: TraceProgram

    package init(_ program: TraceProgram) {
        self.program = program
    }

    private func name(_ field: FieldID) -> String { program.fields[Int(field.rawValue)].name }

    package mutating func beginEvent(_ event: Int, clockCycles: UInt64) {
        calls.append(.beginEvent(event, clockCycles: clockCycles))
    }
    package mutating func endEvent() { calls.append(.endEvent) }
    package mutating func beginScope(_ scope: FieldScope) { calls.append(.beginScope(scope)) }
    package mutating func endScope(_ scope: FieldScope) { calls.append(.endScope(scope)) }
    package mutating func beginStructure(_ field: FieldID) { calls.append(.beginStructure(name(field))) }
    package mutating func endStructure(_ field: FieldID) { calls.append(.endStructure(name(field))) }
    package mutating func beginArray(_ field: FieldID, count: Int) {
        calls.append(.beginArray(name(field), count: count))
    }
    package mutating func endArray(_ field: FieldID) { calls.append(.endArray(name(field))) }
    package mutating func beginVariant(_ field: FieldID, option: Int) {
        calls.append(.beginVariant(name(field), option: option))
    }
    package mutating func endVariant(_ field: FieldID) { calls.append(.endVariant(name(field))) }
    package mutating func unsigned(_ value: UInt64, _ field: FieldID) { calls.append(.unsigned(name(field), value)) }
    package mutating func signed(_ value: Int64, _ field: FieldID) { calls.append(.signed(name(field), value)) }
    package mutating func float(_ value: Float, _ field: FieldID) {
        calls.append(.float(name(field), value.bitPattern))
    }
    package mutating func double(_ value: Double, _ field: FieldID) {
        calls.append(.double(name(field), value.bitPattern))
    }
    package mutating func text(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {
        calls.append(.text(name(field), Array(bytes)))
    }
    package mutating func blob(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {
        calls.append(.blob(name(field), Array(bytes)))
    }
    package mutating func beginOptional(_ field: FieldID, isPresent: Bool) {
        calls.append(.beginOptional(name(field), isPresent: isPresent))
    }
    package mutating func endOptional(_ field: FieldID) { calls.append(.endOptional(name(field))) }
}
