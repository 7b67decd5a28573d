import CTF

/// Checks that a visit tells a whole story: each compound ends, has the parts that its class says, and no bytes are
/// shown but those of the packet.
struct CheckingVisitor: FieldVisitor {
    private enum Kind {
        case scope
        case structure
        case array
        case variant
        case optional
    }

    private struct Level {
        var kind: Kind
        /// Nil for a scope whose root is not known.
        var field: FieldID?
        /// Of a structure: the index of the next member; else how many parts are still to come.
        var parts: Int
    }

    private let program: TraceProgram
    private let memory: UnsafeRawBufferPointer
    private var levels: [Level] = []
    private var event: ProgramEvent?
    private var isInEvent = false

    init(_ program: TraceProgram, in memory: UnsafeRawBufferPointer) {
        self.program = program
        self.memory = memory
    }

    /// Checks that nothing is left open.
    func end() {
        law(levels.isEmpty && !isInEvent, "each begin has its end")
    }

    // MARK: compounds

    mutating func beginEvent(_ event: Int, clockCycles: UInt64) {
        law(levels.isEmpty && !isInEvent, "events are not in each other")
        isInEvent = true
        self.event = program.events[event]
    }

    mutating func endEvent() {
        law(levels.isEmpty && isInEvent, "an event ends when its scopes have")
        isInEvent = false
    }

    mutating func beginScope(_ scope: FieldScope) {
        law(levels.isEmpty, "scopes are not in each other")
        levels.append(Level(kind: .scope, field: root(scope), parts: 0))
    }

    mutating func endScope(_ scope: FieldScope) {
        guard let level = levels.popLast(), case .scope = level.kind, level.field == root(scope) else {
            brokenLaw("a scope ends that has not begun")
        }
        if let field = level.field { law(level.parts == children(field).count, "all members are shown") }
    }

    mutating func beginStructure(_ field: FieldID) {
        take(field)
        guard case .structure = fieldClass(field) else { brokenLaw("no structure") }
        levels.append(Level(kind: .structure, field: field, parts: 0))
    }

    mutating func endStructure(_ field: FieldID) {
        let level = end(.structure, field)
        law(level.parts == children(field).count, "all members are shown")
    }

    mutating func beginArray(_ field: FieldID, count: Int) {
        take(field)
        guard case .array = fieldClass(field) else { brokenLaw("no array") }
        law(count >= 0, "a count is not negative")
        levels.append(Level(kind: .array, field: field, parts: count))
    }

    mutating func endArray(_ field: FieldID) {
        law(end(.array, field).parts == 0, "all elements are shown")
    }

    mutating func beginVariant(_ field: FieldID, option: Int) {
        take(field)
        guard case .variant(let variant) = fieldClass(field), variant.options.indices.contains(option) else {
            brokenLaw("no variant with this option")
        }
        levels.append(Level(kind: .variant, field: children(field)[option], parts: 1))
    }

    mutating func endVariant(_ field: FieldID) {
        guard let level = levels.popLast(), case .variant = level.kind, level.parts == 0, let option = level.field,
            program.fields[Int(option.rawValue)].parent == field
        else { brokenLaw("a variant shows the option that it has chosen") }
    }

    mutating func beginOptional(_ field: FieldID, isPresent: Bool) {
        take(field)
        guard case .optional = fieldClass(field) else { brokenLaw("no optional") }
        levels.append(Level(kind: .optional, field: field, parts: isPresent ? 1 : 0))
    }

    mutating func endOptional(_ field: FieldID) {
        law(end(.optional, field).parts == 0, "an optional shows what it has")
    }

    // MARK: values

    mutating func unsigned(_ value: UInt64, _ field: FieldID) { number(value, field, isSigned: false) }

    mutating func signed(_ value: Int64, _ field: FieldID) { number(value.magnitude, field, isSigned: true) }

    mutating func float(_ value: Float, _ field: FieldID) { real(field) }

    mutating func double(_ value: Double, _ field: FieldID) { real(field) }

    mutating func text(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {
        take(field)
        switch fieldClass(field) {
        case .string: break
        case .array(let array): law(array.textEncoding != nil, "no text")
        default: brokenLaw("no text")
        }
        checkMemory(bytes)
    }

    mutating func blob(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {
        take(field)
        guard case .blob = fieldClass(field) else { brokenLaw("no blob") }
        checkMemory(bytes)
    }

    // MARK: checks

    private func children(_ field: FieldID) -> [FieldID] { program.fields[Int(field.rawValue)].children }

    private func fieldClass(_ field: FieldID) -> FieldClass { program.fields[Int(field.rawValue)].fieldClass }

    private func root(_ scope: FieldScope) -> FieldID? {
        switch scope {
        case .eventCommonContext: event?.commonContext
        case .eventSpecificContext: event?.specificContext
        case .eventPayload: event?.payload
        case .packetHeader, .packetContext, .eventHeader: nil
        }
    }

    /// A field comes: it must be the next part of the compound that it is in.
    private mutating func take(_ field: FieldID) {
        guard let index = levels.indices.last else { brokenLaw("a field outside of all scopes") }
        let level = levels[index]
        guard let container = level.field else {
            // The packet context leaves out some members.
            law(program.fields[Int(field.rawValue)].scope == .packetContext, "a field of its scope")
            return
        }
        switch level.kind {
        case .scope, .structure:
            law(level.parts < children(container).count, "no more members than there are")
            law(children(container)[level.parts] == field, "members come in order")
            levels[index].parts += 1
        case .array, .optional:
            law(level.parts > 0 && children(container)[0] == field, "no more than was announced")
            levels[index].parts -= 1
        case .variant:
            law(level.parts == 1 && container == field, "the option that was announced")
            levels[index].parts = 0
        }
    }

    private mutating func end(_ kind: Kind, _ field: FieldID) -> Level {
        guard let level = levels.popLast(), level.kind == kind, level.field == field else {
            brokenLaw("what ends is what has begun last")
        }
        return level
    }

    private mutating func number(_ magnitude: UInt64, _ field: FieldID, isSigned: Bool) {
        take(field)
        guard case .integer(let integer) = fieldClass(field), integer.isSigned == isSigned else {
            brokenLaw("no integer of this sign")
        }
        let bits = isSigned ? integer.sizeBits - 1 : integer.sizeBits
        law(bits >= 64 || magnitude <= 1 << UInt64(bits), "a number of \(integer.sizeBits) bits")
    }

    private mutating func real(_ field: FieldID) {
        take(field)
        guard case .float = fieldClass(field) else { brokenLaw("no floating-point number") }
    }

    private func checkMemory(_ bytes: UnsafeRawBufferPointer) {
        guard !bytes.isEmpty, let start = bytes.baseAddress, let first = memory.baseAddress else { return }
        law(start >= first && start + bytes.count <= first + memory.count, "bytes of the packet")
    }
}
