import CTF

/// Turns an expression into steps for each event class of a program.
///
/// For a class much is known before its events come: its name and level, its trace's host, session and relay, and which
/// of the named fields it has. What that decides is not asked again. Each node has a register, which is its number + 1;
/// fields that are named twice share the first one's. Classes with the same steps share them, so that what is made
/// grows with the classes and not with their product with the expression.
struct FilterCompiler {
    private let expression: FilterExpression?
    private let program: TraceProgram
    private let trace: FeedTrace
    private let fields: FilterFields
    /// By node.
    private let registers: [UInt32]
    private var constantNumbers: [FilterKnown: UInt32] = [:]
    private var enumerationNumbers: [Int: UInt32] = [:]
    private var targetsByField: [FieldID: [(register: UInt32, indexes: [UInt64])]] = [:]
    private var stepStarts: [[FilterStep]: UInt32] = [:]
    private var clearedStarts: [[UInt32]: UInt32] = [:]

    private(set) var plans: [FilterPlan] = []
    private(set) var entries: [FilterFieldEntry]
    private(set) var targets: [FilterTarget] = []
    private(set) var indexes: [UInt64] = []
    private(set) var cleared: [UInt32] = []
    private(set) var steps: [FilterStep] = []
    private(set) var constants: [FilterKnown] = []
    /// Numbers of the program's enumerations that texts may be compared with.
    private(set) var enumerations: [Int] = []
    /// What visitors have to be shown.
    private(set) var shown: Set<FieldID> = []
    private(set) var elementDepthMax = 0

    init(_ expression: FilterExpression?, program: TraceProgram, trace: FeedTrace) {
        self.expression = expression
        self.program = program
        self.trace = trace
        fields = FilterFields(program: program)
        entries = Array(repeating: FilterFieldEntry(), count: program.fields.count)
        var fieldRegisters: [FilterField: UInt32] = [:]
        registers = (expression?.nodes ?? []).enumerated().map { index, node in
            guard case .field(let field) = node.kind else { return UInt32(index + 1) }
            let register = fieldRegisters[field] ?? UInt32(index + 1)
            fieldRegisters[field] = register
            return register
        }
    }

    private var nodes: [FilterNode] { expression?.nodes ?? [] }
    var registerCount: Int { nodes.count + 2 }
    /// Where the packet's processor is put.
    var cpuRegister: Int? { expression == nil ? nil : nodes.count + 1 }

    /// Registers that keep what the expression says itself.
    var literals: [(register: Int, value: FilterKnown)] {
        nodes.enumerated().compactMap { index, node in FilterKnown(node.kind).map { (index + 1, $0) } }
    }

    mutating func compile(isVisible: (String) -> Bool) {
        for event in program.events {
            var plan = FilterPlan()
            if isVisible(event.eventClass.name) {
                if let expression {
                    var events = EventCompiler(expression, event, trace, fields)
                    if events.resolve() { plan = self.plan(&events) }
                } else {
                    plan.verdict = .always
                }
            }
            plans.append(plan)
        }
        for (field, list) in targetsByField.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            entries[Int(field.rawValue)].firstTarget = UInt32(targets.count)
            entries[Int(field.rawValue)].targetCount = UInt32(list.count)
            for target in list {
                targets.append(
                    FilterTarget(
                        register: target.register,
                        firstIndex: UInt32(indexes.count),
                        indexCount: UInt32(target.indexes.count)
                    )
                )
                indexes += target.indexes
            }
        }
    }

    private mutating func plan(_ event: inout EventCompiler) -> FilterPlan {
        var plan = FilterPlan()
        if let known = event.knownTruth {
            plan.verdict = known ? .always : .never
            return plan
        }
        event.emit(registers: registers, cpuRegister: UInt32(cpuRegister ?? 0))
        let steps = event.steps.map { step in
            guard step.operation == .constant else { return step }
            var step = step
            step.left = constantNumber(event.constants[Int(step.left)])
            return step
        }
        for (register, leaf) in event.usedLeaves { use(leaf, register) }
        plan.verdict = .evaluate
        plan.firstStep = stepStarts[steps] ?? UInt32(self.steps.count)
        if stepStarts.updateValue(plan.firstStep, forKey: steps) == nil { self.steps += steps }
        let emptied = Set(event.usedLeaves.filter { $0.leaf.mayBeAbsent }.map(\.register)).sorted()
        plan.clearedCount = UInt32(emptied.count)
        plan.firstCleared = clearedStarts[emptied] ?? UInt32(cleared.count)
        if clearedStarts.updateValue(plan.firstCleared, forKey: emptied) == nil { cleared += emptied }
        return plan
    }

    private mutating func constantNumber(_ value: FilterKnown) -> UInt32 {
        if let known = constantNumbers[value] { return known }
        constants.append(value)
        constantNumbers[value] = UInt32(constants.count - 1)
        return UInt32(constants.count - 1)
    }

    /// Has the field's values put into the register.
    private mutating func use(_ leaf: FilterFields.Leaf, _ register: UInt32) {
        let index = Int(leaf.field.rawValue)
        let field = program.fields[index]
        shown.insert(leaf.field)
        if case .string(let string) = field.fieldClass { entries[index].encoding = string.encoding }
        if let enumeration = field.enumeration {
            let number = enumerationNumbers[enumeration] ?? UInt32(enumerations.count + 1)
            if enumerationNumbers.updateValue(number, forKey: enumeration) == nil { enumerations.append(enumeration) }
            entries[index].enumeration = number
        }
        guard !leaf.indexes.isEmpty else {
            entries[index].register = register
            return
        }
        elementDepthMax = max(elementDepthMax, leaf.indexes.count)
        entries[index].isSpecial = true
        for array in leaf.arrays {
            entries[Int(array.rawValue)].isIndexed = true
            entries[Int(program.fields[Int(array.rawValue)].children[0].rawValue)].isElement = true
        }
        let isKnown = targetsByField[leaf.field, default: []].contains {
            $0.register == register && $0.indexes == leaf.indexes
        }
        if !isKnown { targetsByField[leaf.field, default: []].append((register, leaf.indexes)) }
    }
}

extension FilterKnown {
    /// What a node says itself.
    init?(_ kind: FilterNode.Kind) {
        switch kind {
        case .integer(let value): self = .integer(value)
        case .float(let value): self = .float(value)
        case .text(let pattern): self = .text(pattern)
        case .field, .variable, .unary, .binary: return nil
        }
    }
}
