import CTF

/// What is done with the values of a field, while an event is visited.
struct FilterFieldEntry: BitwiseCopyable {
    /// Where its value goes; register 0 is nobody's.
    var register: UInt32 = 0
    /// As in `FilterValue`.
    var enumeration: UInt32 = 0
    var encoding = TextEncoding.utf8
    /// Whether it takes more than putting the value into `register`.
    var isSpecial = false
    /// An array of which single elements are wanted.
    var isIndexed = false
    /// The element of such an array.
    var isElement = false
    /// Where its values go, in the program's list, by the indexes that led there.
    var firstTarget: UInt32 = 0
    var targetCount: UInt32 = 0
}

/// A register for the value that some indexes lead to.
struct FilterTarget: BitwiseCopyable {
    var register: UInt32
    /// In the program's list of indexes.
    var firstIndex: UInt32
    var indexCount: UInt32
}

/// What is to be done with the events of a class.
struct FilterPlan: BitwiseCopyable {
    enum Verdict: UInt8, BitwiseCopyable {
        case never
        case always
        /// Its steps have to be run.
        case evaluate
    }

    var verdict = Verdict.never
    var firstStep: UInt32 = 0
    /// Registers that an event need not fill, in the program's list: they are emptied first.
    var firstCleared: UInt32 = 0
    var clearedCount: UInt32 = 0
}

/// Puts the values that an expression needs into registers, and says whether an event is wanted.
///
/// Values point into the packet. Nothing is allocated for an event.
struct FilterVisitor: FieldVisitor {
    let machine: FilterMachine
    let plans: UnsafePointer<FilterPlan>
    /// By `FieldID`.
    let entries: UnsafePointer<FilterFieldEntry>
    let targets: UnsafePointer<FilterTarget>
    let indexes: UnsafePointer<UInt64>
    let cleared: UnsafePointer<UInt32>
    let registers: UnsafeMutablePointer<FilterValue>
    /// Which element of each open array of `isIndexed` is at hand.
    let elements: UnsafeMutablePointer<Int>
    let elementDepthMax: Int

    private var elementDepth = 0
    private var plan = FilterPlan()

    init(_ program: FilterProgram) {
        machine = program.machine
        plans = UnsafePointer(program.plans)
        entries = UnsafePointer(program.entries)
        targets = UnsafePointer(program.targets)
        indexes = UnsafePointer(program.indexes)
        cleared = UnsafePointer(program.cleared)
        registers = program.registers
        elements = program.elements
        elementDepthMax = program.elementDepthMax
    }

    /// Whether the event that was visited last is wanted.
    var isWanted: Bool {
        switch plan.verdict {
        case .never: false
        case .always: true
        case .evaluate: machine.accepts(from: plan.firstStep, registers)
        }
    }

    mutating func beginEvent(_ event: Int, clockCycles: UInt64) {
        plan = plans[event]
        elementDepth = 0
        guard plan.clearedCount > 0 else { return }
        for index in 0..<Int(plan.clearedCount) {
            registers[Int(cleared[Int(plan.firstCleared) + index])] = FilterValue()
        }
    }

    mutating func endEvent() {}
    mutating func beginScope(_ scope: FieldScope) {}
    mutating func endScope(_ scope: FieldScope) {}

    // MARK: Compounds

    mutating func beginStructure(_ field: FieldID) { begin(field) }
    mutating func endStructure(_ field: FieldID) {}
    mutating func beginVariant(_ field: FieldID, option: Int) { begin(field) }
    mutating func endVariant(_ field: FieldID) {}
    mutating func beginOptional(_ field: FieldID, isPresent: Bool) { begin(field) }
    mutating func endOptional(_ field: FieldID) {}

    mutating func beginArray(_ field: FieldID, count: Int) {
        begin(field)
        guard entries[Int(field.rawValue)].isIndexed, elementDepth < elementDepthMax else { return }
        elements[elementDepth] = -1
        elementDepth += 1
    }

    mutating func endArray(_ field: FieldID) {
        if entries[Int(field.rawValue)].isIndexed, elementDepth > 0 { elementDepth -= 1 }
    }

    /// The next element of the innermost array, if the field is one.
    @inline(__always)
    private mutating func begin(_ field: FieldID) {
        if entries[Int(field.rawValue)].isElement, elementDepth > 0 { elements[elementDepth - 1] += 1 }
    }

    // MARK: Values

    mutating func unsigned(_ value: UInt64, _ field: FieldID) {
        signed(Int64(bitPattern: value), field)
    }

    mutating func signed(_ value: Int64, _ field: FieldID) {
        let entry = entries + Int(field.rawValue)
        take(FilterValue(integer: value, enumeration: entry.pointee.enumeration), entry, field)
    }

    mutating func float(_ value: Float, _ field: FieldID) {
        double(Double(value), field)
    }

    mutating func double(_ value: Double, _ field: FieldID) {
        take(FilterValue(float: value), entries + Int(field.rawValue), field)
    }

    mutating func text(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {
        let entry = entries + Int(field.rawValue)
        take(FilterValue(text: bytes, encoding: entry.pointee.encoding), entry, field)
    }

    mutating func blob(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {
        begin(field)
    }

    @inline(__always)
    private mutating func take(_ value: FilterValue, _ entry: UnsafePointer<FilterFieldEntry>, _ field: FieldID) {
        if _slowPath(entry.pointee.isSpecial) {
            takeSpecial(value, entry, field)
        } else {
            registers[Int(entry.pointee.register)] = value
        }
    }

    @inline(never)
    private mutating func takeSpecial(
        _ value: FilterValue,
        _ entry: UnsafePointer<FilterFieldEntry>,
        _ field: FieldID
    ) {
        begin(field)
        for number in 0..<Int(entry.pointee.targetCount) {
            let target = targets[Int(entry.pointee.firstTarget) + number]
            guard Int(target.indexCount) == elementDepth else { continue }
            let isAtHand = (0..<elementDepth).allSatisfy { depth in
                UInt64(bitPattern: Int64(elements[depth])) == indexes[Int(target.firstIndex) + depth]
            }
            if isAtHand { registers[Int(target.register)] = value }
        }
    }
}
