import CTF

/// A filter compiled for the events of one trace: which classes are wanted whatever their values, which never, and
/// what the others are asked.
///
/// Owns the memory that its visitor works on. Confined to one thread at a time, as the registers are.
final class FilterProgram {
    /// What becomes of the events of a stream class as a whole.
    enum Verdict {
        case never
        case always
        /// Its events have to be looked at one by one.
        case mixed
    }

    /// The program that the filter was made for; held, so that its identifier names nothing else.
    let program: TraceProgram
    /// Shows the fields that are needed, and no more.
    let reader: TraceProgram
    private(set) var verdicts: [UInt64: Verdict] = [:]

    let plans: UnsafeMutablePointer<FilterPlan>
    let entries: UnsafeMutablePointer<FilterFieldEntry>
    let targets: UnsafeMutablePointer<FilterTarget>
    let indexes: UnsafeMutablePointer<UInt64>
    let cleared: UnsafeMutablePointer<UInt32>
    let registers: UnsafeMutablePointer<FilterValue>
    let elements: UnsafeMutablePointer<Int>
    let elementDepthMax: Int
    let machine: FilterMachine
    private let cpuRegister: Int?
    private let steps: UnsafeMutablePointer<FilterStep>
    private let constants: UnsafeMutablePointer<FilterValue>
    private let enumerations: UnsafeMutablePointer<FilterEnumeration>
    private let enumerationCount: Int
    private let arena = Arena(firstBytes: 1 << 10)

    /// - Parameters:
    ///   - expression: nil: all events are wanted.
    ///   - trace: whose events they are.
    ///   - isVisible: whether events of a name may be seen.
    init(
        _ expression: FilterExpression?,
        program: TraceProgram,
        trace: FeedTrace,
        isVisible: (String) -> Bool
    ) {
        self.program = program
        var compiler = FilterCompiler(expression, program: program, trace: trace)
        compiler.compile(isVisible: isVisible)
        // Without the smaller program the visitor sees more than it needs.
        reader = (try? program.showing(only: compiler.shown)) ?? program
        plans = Self.memory(compiler.plans)
        entries = Self.memory(compiler.entries)
        targets = Self.memory(compiler.targets)
        indexes = Self.memory(compiler.indexes)
        cleared = Self.memory(compiler.cleared)
        steps = Self.memory(compiler.steps)
        constants = Self.memory(compiler.constants.map { [arena] in FilterValue($0, arena) })
        registers = .allocate(capacity: compiler.registerCount)
        registers.initialize(repeating: FilterValue(), count: compiler.registerCount)
        for (number, value) in compiler.literals { registers[number] = FilterValue(value, arena) }
        elementDepthMax = compiler.elementDepthMax
        elements = .allocate(capacity: max(elementDepthMax, 1))
        elements.initialize(repeating: 0, count: max(elementDepthMax, 1))
        cpuRegister = compiler.cpuRegister
        enumerations = Self.memory(
            compiler.enumerations.map { [arena] number in FilterEnumeration(program.enumerations[number], arena) }
        )
        enumerationCount = compiler.enumerations.count
        machine = FilterMachine(
            steps: UnsafePointer(steps),
            constants: UnsafePointer(constants),
            enumerations: UnsafePointer(enumerations)
        )
        for (index, event) in program.events.enumerated() { judge(plans[index].verdict, event.streamClassID) }
    }

    deinit {
        for number in 0..<enumerationCount { enumerations[number].lookup.deallocate() }
        plans.deallocate()
        entries.deallocate()
        targets.deallocate()
        indexes.deallocate()
        cleared.deallocate()
        registers.deallocate()
        elements.deallocate()
        steps.deallocate()
        constants.deallocate()
        enumerations.deallocate()
    }

    private static func memory<T>(_ elements: [T]) -> UnsafeMutablePointer<T> {
        let memory = UnsafeMutablePointer<T>.allocate(capacity: max(elements.count, 1))
        memory.initialize(from: elements, count: elements.count)
        return memory
    }

    private func judge(_ plan: FilterPlan.Verdict, _ streamClassID: UInt64) {
        let verdict: Verdict =
            switch plan {
            case .never: .never
            case .always: .always
            case .evaluate: .mixed
            }
        let before = verdicts[streamClassID] ?? verdict
        verdicts[streamClassID] = before == verdict ? verdict : .mixed
    }

    /// The events that follow are of this packet.
    func begin(_ packet: FeedPacket) {
        guard let cpuRegister else { return }
        registers[cpuRegister] =
            packet.preamble.cpuID.map { FilterValue(integer: Int64(bitPattern: $0)) } ?? FilterValue()
    }
}

extension FilterValue {
    fileprivate init(_ known: FilterKnown, _ arena: Arena) {
        switch known {
        case .integer(let value): self.init(integer: value)
        case .float(let value): self.init(float: value)
        case .text(let pattern) where pattern.hasStar:
            let memory = pattern.tokens + pattern.borders
            let copy = arena.array(of: UInt16.self, count: memory.count)
            copy.initialize(from: memory, count: memory.count)
            self.init(pattern: UnsafeBufferPointer(start: copy, count: memory.count))
        case .text(let pattern): self.init(text: arena.copy(pattern.bytes), encoding: .utf8)
        }
    }
}

extension FilterEnumeration {
    fileprivate init(_ enumeration: ProgramEnumeration, _ arena: Arena) {
        lookup = EnumerationLookup(enumeration)
        labels = arena.array(of: Label.self, count: enumeration.mappings.count)
        for (number, mapping) in enumeration.mappings.enumerated() {
            (labels + number).initialize(to: Label(bytes: arena.copy(Array(mapping.label.utf8))))
        }
    }
}

extension Arena {
    fileprivate func copy(_ bytes: [UInt8]) -> UnsafeRawBufferPointer {
        let memory = array(of: UInt8.self, count: bytes.count)
        memory.initialize(from: bytes, count: bytes.count)
        return UnsafeRawBufferPointer(start: memory, count: bytes.count)
    }
}
