/// Writes instructions for fields.
///
/// The emitter knows at each point what the position is modulo a power of two (`phase`), so that most padding is a
/// constant. Constant sizes are gathered: for a visitor into one `require` for a whole run of numbers, which are then
/// read at offsets from the run's start; for nobody into `pendingSkip`, which the next instruction that can carries
/// along. A field that bytes decide about ends the run.
struct ProgramEmitter {
    let tree: FieldTree
    let slots: SlotMap
    /// What the packet header's UUID must be.
    let uuid: TraceUUID?
    /// Instructions, and ranges of options, that this trace class may have.
    let instructionCountMax: Int
    /// By field: whether reading it, or something in it, changes more than the position.
    let hasEffects: ContiguousArray<Bool>
    var code = CompiledCode()

    /// Whether the program is for a visitor.
    var sees = false
    /// By field: whether visitors are shown it, or something in it; nil: all are shown. Below an array, a variant or
    /// an optional everything is shown, or nothing.
    var isShown: ContiguousArray<Bool>?
    var phase = Phase.unknown
    /// For nobody: bits to skip before the next instruction.
    private var pendingSkip: UInt64 = 0
    /// For a visitor: where the next field of the run begins, in bits from the position. What is pending comes after
    /// it.
    private(set) var runOffset: UInt64 = 0
    /// Index of the `require` that covers the run at hand.
    private var openRequire: Int?
    /// Instructions before this one are not always followed by the next: bytes decide.
    var joinIndex = 0
    /// Above 0 in elements that a check before their array covers.
    var coveredDepth = 0
    var loopDepth: UInt32 = 0
    private(set) var loopDepthMax: UInt32 = 0
    /// Ranges of options so far, as the trace class has them.
    var rangeCount = 0
    /// Whether any program so far has elements that may be empty.
    var paysForElements = false

    init(tree: FieldTree, slots: SlotMap, uuid: TraceUUID?, instructionCountMax: Int) {
        self.uuid = uuid
        self.tree = tree
        self.slots = slots
        self.instructionCountMax = instructionCountMax
        var hasEffects = ContiguousArray(repeating: false, count: tree.fields.count)
        for index in tree.fields.indices.reversed() {
            let field = tree.fields[index]
            hasEffects[index] =
                slots.indexes[index] != nil || Self.hasRole(field, in: tree)
                || field.children.contains { hasEffects[Int($0.rawValue)] }
        }
        self.hasEffects = hasEffects
    }

    // MARK: programs

    /// Begins a program.
    /// - Returns: where it begins.
    mutating func begin(sees: Bool, phase: Phase) -> UInt32 {
        self.sees = sees
        self.phase = phase
        return UInt32(code.instructions.count)
    }

    /// Emits a scope's fields.
    mutating func emitScope(_ root: FieldID?) throws(ProgramError) {
        guard let root else { return }
        let scope = UInt64(tree[root].scope.rawValue)
        // A scope aligns itself as the structure that it is.
        try emitAlignment(tree.layout(root).alignmentBits)
        if sees { try append(Instruction(.beginScope, field: root, operand: scope)) }
        try emitMembers(of: root)
        if sees {
            try append(Instruction(.endScope, field: root, operand: scope))
        }
    }

    /// Emits a structure's members, of which a visitor may not see all.
    mutating func emitMembers(of structure: FieldID) throws(ProgramError) {
        let seesStructure = sees
        defer { sees = seesStructure }
        for child in tree[structure].children {
            sees = seesStructure && isShown?[Int(child.rawValue)] != false && !isPacketBookkeeping(child)
            try emit(child)
        }
    }

    mutating func end() throws(ProgramError) {
        try append(Instruction(.end, operand: takeSkip()))
    }

    /// A member of the packet context that says what the packet is, and not what was traced.
    private func isPacketBookkeeping(_ id: FieldID) -> Bool {
        guard tree[id].scope == .packetContext, case .integer(let integer) = tree[id].fieldClass,
            let root = tree[id].parent, tree[root].parent == nil
        else { return false }
        let bookkeeping: FieldRoles = [
            .packetTotalLength, .packetContentLength, .packetSequenceNumber, .packetEndTimestamp,
            .discardedEventCounter, .defaultClockTimestamp,
        ]
        return !integer.roles.isDisjoint(with: bookkeeping)
    }

    // MARK: instructions

    mutating func append(_ instruction: Instruction) throws(ProgramError) {
        guard code.instructions.count < instructionCountMax else { throw ProgramError(.tooLarge, path: "trace") }
        code.instructions.append(instruction)
    }

    var nextIndex: UInt32 { UInt32(code.instructions.count) }

    /// How far the next instruction must move first; it checks that itself. Ends the run.
    mutating func takeSkip() -> UInt64 {
        let bits = FieldLayout.sum(runOffset, pendingSkip)
        runOffset = 0
        pendingSkip = 0
        openRequire = nil
        return bits
    }

    /// How far the end of an element must move, where a run that covers it goes on.
    mutating func takeSkip(inRun: Bool) -> UInt64 {
        guard inRun else { return 0 }
        defer { runOffset = 0 }
        return runOffset
    }

    /// Moves the position to where the last field of the run has ended.
    mutating func advanceInRun() throws(ProgramError) {
        if runOffset > 0 { try append(Instruction(.advance, operand: runOffset)) }
        runOffset = 0
    }

    /// Ends the run of fields that one check covers: what follows begins where bytes decide.
    mutating func endRun() throws(ProgramError) {
        try advanceInRun()
        let bits = takeSkip()
        if bits > 0 { try append(Instruction(.skip, operand: bits)) }
    }

    /// Makes the check of the run at hand cover `bits` more, unless an array's check does.
    mutating func require(_ bits: UInt64) throws(ProgramError) {
        if pendingSkip > 0 { try endRun() }
        guard coveredDepth == 0 else { return }
        if let openRequire {
            let covered = code.instructions[openRequire].operand
            code.instructions[openRequire].operand = FieldLayout.sum(covered, bits)
        } else {
            openRequire = code.instructions.count
            try append(Instruction(.require, operand: bits))
        }
    }

    /// Takes `bits` of the run at hand.
    /// - Returns: where they begin, from the position.
    mutating func takeInRun(_ bits: UInt64) throws(ProgramError) -> UInt64 {
        try require(bits)
        let offset = runOffset
        runOffset = FieldLayout.sum(runOffset, bits)
        phase.advance(bits)
        return offset
    }

    /// Passes over `bits` of which nobody needs the value.
    mutating func passOver(_ bits: UInt64) throws(ProgramError) {
        guard bits > 0 else { return }
        if sees {
            _ = try takeInRun(bits)
        } else {
            phase.advance(bits)
            pendingSkip = FieldLayout.sum(pendingSkip, bits)
        }
    }

    mutating func emitAlignment(_ alignmentBits: UInt64) throws(ProgramError) {
        if let padding = phase.padding(to: alignmentBits) {
            try passOver(padding)
        } else {
            try endRun()
            try append(Instruction(.align, operand: alignmentBits - 1))
            phase = .aligned(to: alignmentBits)
        }
    }

    mutating func takeLoopSlot() -> UInt32 {
        loopDepth += 1
        loopDepthMax = max(loopDepthMax, loopDepth)
        return slots.loopBase + loopDepth - 1
    }
}
