/// Writes instructions for fields.
///
/// The emitter knows at each point what the position is modulo a power of two (`phase`), so that most padding is a constant.
/// Constant sizes are gathered: for a visitor into one `require` for a whole run of numbers, for nobody into `pendingSkip`,
/// which the next instruction that can carries along. A field that bytes decide about ends the run.
struct ProgramEmitter {
    let tree: FieldTree
    let slots: SlotMap
    /// What the packet header's UUID must be.
    let uuid: TraceUUID?
    let limits: ProgramLimits
    /// By field: whether reading it, or something in it, changes more than the position.
    let hasEffects: ContiguousArray<Bool>
    var code = CompiledCode()

    /// Roots of the scopes of the program at hand.
    var scopes = SlotMap.Scopes()
    /// Whether the program is for a visitor.
    var sees = false
    var phase = Phase.unknown
    /// Bits to skip before the next instruction.
    var pendingSkip: UInt64 = 0
    /// Index of the `require` that covers the run at hand.
    private var openRequire: Int?
    /// Above 0 in elements that a check before their array covers.
    var coveredDepth = 0
    var loopDepth: UInt32 = 0
    private(set) var loopDepthMax: UInt32 = 0

    init(tree: FieldTree, slots: SlotMap, uuid: TraceUUID?, limits: ProgramLimits) {
        self.uuid = uuid
        self.tree = tree
        self.slots = slots
        self.limits = limits
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
    mutating func begin(sees: Bool, phase: Phase, scopes: SlotMap.Scopes) -> UInt32 {
        self.sees = sees
        self.phase = phase
        self.scopes = scopes
        return UInt32(code.instructions.count)
    }

    /// Emits a scope's fields.
    mutating func emitScope(_ root: FieldID?) throws(ProgramError) {
        guard let root else { return }
        let scope = UInt64(tree[root].scope.rawValue)
        // A scope aligns itself as the structure that it is.
        try emitAlignment(tree.layout(root).alignmentBits)
        if sees { try append(Instruction(.beginScope, field: root, operand: scope)) }
        for child in tree[root].children {
            let seesScope = sees
            sees = seesScope && !isPacketBookkeeping(child)
            try emit(child)
            sees = seesScope
        }
        if sees {
            try endRun()
            try append(Instruction(.endScope, field: root, operand: scope))
        }
    }

    mutating func end() throws(ProgramError) {
        openRequire = nil
        try append(Instruction(.end, operand: takePendingSkip()))
    }

    /// A member of the packet context that says what the packet is, and not what was traced.
    private func isPacketBookkeeping(_ id: FieldID) -> Bool {
        guard tree[id].scope == .packetContext, case .integer(let integer) = tree[id].fieldClass else { return false }
        let bookkeeping: FieldRoles = [
            .packetTotalLength, .packetContentLength, .packetSequenceNumber, .packetEndTimestamp,
            .discardedEventCounter, .defaultClockTimestamp,
        ]
        return !integer.roles.isDisjoint(with: bookkeeping)
    }

    // MARK: instructions

    mutating func append(_ instruction: Instruction) throws(ProgramError) {
        guard code.instructions.count < limits.instructionCountMax else { throw ProgramError(.tooLarge, path: "trace") }
        code.instructions.append(instruction)
    }

    var nextIndex: UInt32 { UInt32(code.instructions.count) }

    /// What the next instruction must skip first.
    mutating func takePendingSkip() -> UInt64 {
        defer { pendingSkip = 0 }
        return pendingSkip
    }

    /// Ends the run of fields that one check covers: what follows begins where bytes decide.
    mutating func endRun() throws(ProgramError) {
        openRequire = nil
        let bits = takePendingSkip()
        if bits > 0 { try append(Instruction(.skip, operand: bits)) }
    }

    /// Makes the check of the run at hand cover `bits` more.
    mutating func cover(_ bits: UInt64) throws(ProgramError) {
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

    /// Passes over `bits` of which nobody needs the value.
    mutating func passOver(_ bits: UInt64) throws(ProgramError) {
        guard bits > 0 else { return }
        phase.advance(bits)
        if sees {
            try cover(bits)
            try append(Instruction(.advance, operand: bits))
        } else {
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
