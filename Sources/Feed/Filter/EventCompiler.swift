import CTF

/// Compiles an expression for one event class.
struct EventCompiler {
    /// Which kinds of value a node may have in events of the class.
    private struct Kinds: OptionSet {
        let rawValue: UInt8
        static let integer = Kinds(rawValue: 1)
        static let float = Kinds(rawValue: 2)
        static let text = Kinds(rawValue: 4)
        /// An integer with labels.
        static let labels = Kinds(rawValue: 8)
        static let number: Kinds = [.integer, .float]
    }

    private let nodes: [FilterNode]
    private let event: ProgramEvent
    private let trace: FeedTrace
    private let fields: FilterFields
    /// By node: its value, where that needs no event.
    private var known: [FilterKnown?]
    private var kinds: [Kinds]
    private var leaves: [[FilterFields.Leaf]]
    private var isCPU: [Bool]

    private var registers: [UInt32] = []
    /// Jumps go to steps counted from the first.
    private(set) var steps: [FilterStep] = []
    /// Values that steps refer to by their index.
    private(set) var constants: [FilterKnown] = []
    /// Where the values of fields go that steps look at.
    private(set) var usedLeaves: [(register: UInt32, leaf: FilterFields.Leaf)] = []

    init(_ expression: FilterExpression, _ event: ProgramEvent, _ trace: FeedTrace, _ fields: FilterFields) {
        nodes = expression.nodes
        self.event = event
        self.trace = trace
        self.fields = fields
        known = Array(repeating: nil, count: nodes.count)
        kinds = Array(repeating: [], count: nodes.count)
        leaves = Array(repeating: [], count: nodes.count)
        isCPU = Array(repeating: false, count: nodes.count)
    }

    // MARK: What is known

    /// Whether events of the class can have all that they are asked for, in a form that can be compared so.
    mutating func resolve() -> Bool {
        known = FilterKnown.values(nodes) { value($0) }
        for (index, isNeeded) in needed.enumerated() where isNeeded {
            guard let kinds = self.kinds(index) else { return false }
            self.kinds[index] = kinds
        }
        return kinds.last?.contains(.integer) == true
    }

    /// What the whole expression says, where that needs no event.
    var knownTruth: Bool? { known.last.flatMap { $0?.truth } }

    private func value(_ variable: FilterVariable) -> FilterKnown? {
        switch variable {
        case .host: .text(FilterPattern(exactly: trace.host))
        case .session: .text(FilterPattern(exactly: trace.session))
        case .relay: .text(FilterPattern(exactly: trace.relay))
        case .name: .text(FilterPattern(exactly: event.eventClass.name))
        case .level: event.eventClass.logLevel.map { .integer($0) }
        case .cpu: nil
        }
    }

    /// By node: whether what it names has to be there. What `&&` rules out need not.
    private var needed: [Bool] {
        var needed = [Bool](repeating: false, count: nodes.count)
        if !nodes.isEmpty { needed[nodes.count - 1] = true }
        for (index, node) in nodes.enumerated().reversed() where needed[index] {
            switch node.kind {
            case .integer, .float, .text, .field, .variable: break
            case .unary(_, let value): needed[value] = true
            case .binary(.logicalAnd, _, _) where known[index]?.truth == false: break
            case .binary(_, let left, let right):
                needed[left] = true
                needed[right] = true
            }
        }
        return needed
    }

    /// Which kinds of value a node may have; nil where it can have none.
    private mutating func kinds(_ index: Int) -> Kinds? {
        switch nodes[index].kind {
        case .integer: return .integer
        case .float: return .float
        case .text: return .text
        case .field(let field): return kinds(of: field, index)
        case .variable(.cpu):
            isCPU[index] = true
            return .integer
        case .variable(let variable): return known[index].map { _ in variable == .level ? .integer : .text }
        case .unary(let operation, let value):
            let fitting = kinds[value].intersection(operation == .plus || operation == .negate ? .number : .integer)
            return fitting.isEmpty || isUnknowable(index, [value]) ? nil : fitting
        case .binary(let operation, let left, let right):
            // The operands of what `&&` rules out have not been looked at.
            if operation == .logicalAnd, known[index]?.truth == false { return .integer }
            return fits(operation, kinds[left], kinds[right]) && !isUnknowable(index, [left, right]) ? .integer : nil
        }
    }

    /// Whether all operands are known, and nothing can be made of them.
    private func isUnknowable(_ index: Int, _ operands: [Int]) -> Bool {
        known[index] == nil && operands.allSatisfy { known[$0] != nil }
    }

    private mutating func kinds(of field: FilterField, _ index: Int) -> Kinds? {
        leaves[index] = fields.leaves(field, in: event)
        if leaves[index].isEmpty, field == FilterField(place: .context, path: [.name("cpu_id")]) {
            // Which LTTng's filters know, and its packets tell.
            isCPU[index] = true
            return .integer
        }
        var kinds: Kinds = []
        for leaf in leaves[index] {
            let field = fields.program.fields[Int(leaf.field.rawValue)]
            switch field.fieldClass {
            case .integer: kinds.insert(field.enumeration == nil ? .integer : [.integer, .labels])
            case .float: kinds.insert(.float)
            case .string, .array: kinds.insert(.text)
            case .structure, .variant, .optional, .blob: break
            }
        }
        return kinds.isEmpty ? nil : kinds
    }

    private func fits(_ operation: FilterBinary, _ left: Kinds, _ right: Kinds) -> Bool {
        switch operation {
        case .leftShift, .rightShift, .and, .xor, .or, .logicalAnd, .logicalOr:
            return left.contains(.integer) && right.contains(.integer)
        case .less, .lessOrEqual, .greater, .greaterOrEqual, .equal, .notEqual:
            let isEquality = operation == .equal || operation == .notEqual
            return !left.isDisjoint(with: .number) && !right.isDisjoint(with: .number)
                || left.contains(.text) && right.contains(.text)
                || isEquality
                    && (left.contains(.text) && right.contains(.labels)
                        || left.contains(.labels) && right.contains(.text))
        }
    }

    // MARK: Steps

    /// Writes the steps.
    /// - Parameter registers: by node.
    mutating func emit(registers: [UInt32], cpuRegister: UInt32) {
        self.registers = registers
        for index in nodes.indices where isCPU[index] { self.registers[index] = cpuRegister }
        emitCondition(nodes.count - 1)
        steps.append(FilterStep(operation: .accept))
    }

    /// Steps that end the program unless the node is true.
    private mutating func emitCondition(_ index: Int) {
        if known[index]?.truth == true { return }
        if case .binary(.logicalAnd, let left, let right) = nodes[index].kind {
            emitCondition(left)
            emitCondition(right)
        } else {
            let register = emit(index)
            steps.append(FilterStep(operation: .require, left: register))
        }
    }

    /// Steps for a node's value.
    /// - Returns: the register that it stands in.
    private mutating func emit(_ index: Int) -> UInt32 {
        let result = registers[index]
        if let value = known[index] {
            // Literals stand there already.
            guard FilterKnown(nodes[index].kind) == nil else { return result }
            steps.append(FilterStep(operation: .constant, result: result, left: UInt32(constants.count)))
            constants.append(value)
            return result
        }
        switch nodes[index].kind {
        case .integer, .float, .text, .variable: break
        case .field: usedLeaves += leaves[index].map { (result, $0) }
        case .unary(let operation, let value):
            let operand = emit(value)
            steps.append(FilterStep(operation: FilterStep.Operation(operation), result: result, left: operand))
        case .binary(.logicalAnd, let left, let right): emit(.jumpIfFalse, left, right, result: result)
        case .binary(.logicalOr, let left, let right): emit(.jumpIfTrue, left, right, result: result)
        case .binary(let operation, let left, let right):
            let leftOperand = emit(left)
            let rightOperand = emit(right)
            guard let operation = FilterStep.Operation(operation) else { break }
            steps.append(
                FilterStep(operation: operation, result: result, left: leftOperand, right: rightOperand)
            )
        }
        return result
    }

    /// Steps for `&&` and `||`, of which the second operand is not evaluated when the first one decides.
    private mutating func emit(_ jump: FilterStep.Operation, _ left: Int, _ right: Int, result: UInt32) {
        // A known left operand does not decide, or the whole would be known.
        if known[left] == nil {
            let operand = emit(left)
            let jumpIndex = steps.count
            let isDecided = known[right]?.truth == (jump == .jumpIfFalse)
            steps.append(FilterStep(operation: isDecided ? .truth : jump, result: result, left: operand))
            guard !isDecided else { return }
            let other = emit(right)
            steps.append(FilterStep(operation: .truth, result: result, left: other))
            steps[jumpIndex].right = UInt32(steps.count)
        } else {
            let operand = emit(right)
            steps.append(FilterStep(operation: .truth, result: result, left: operand))
        }
    }
}

extension FilterStep.Operation {
    fileprivate init(_ operation: FilterUnary) {
        switch operation {
        case .plus: self = .plus
        case .negate: self = .negate
        case .complement: self = .complement
        case .not: self = .not
        }
    }

    /// Nil for what takes more than a step.
    fileprivate init?(_ operation: FilterBinary) {
        switch operation {
        case .leftShift: self = .leftShift
        case .rightShift: self = .rightShift
        case .and: self = .and
        case .xor: self = .xor
        case .or: self = .or
        case .less: self = .less
        case .lessOrEqual: self = .lessOrEqual
        case .greater: self = .greater
        case .greaterOrEqual: self = .greaterOrEqual
        case .equal: self = .equal
        case .notEqual: self = .notEqual
        case .logicalAnd, .logicalOr: return nil
        }
    }
}
