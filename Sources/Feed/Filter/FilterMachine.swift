import CTF

/// A value while an expression is evaluated: an event's, or one of the expression's own.
struct FilterValue: BitwiseCopyable {
    enum Kind: UInt8, BitwiseCopyable {
        /// The event has no such value.
        case absent
        case integer
        case float
        case text
        /// A text with stars.
        case pattern
    }

    /// The integer, the number's bit pattern, or how many bytes or tokens a text has.
    var bits: UInt64 = 0
    /// A text's bytes, or a pattern's tokens. Bytes are the packet's own.
    var address: UnsafeRawPointer?
    /// An integer with labels: their number in the program's list, counted from 1.
    var enumeration: UInt32 = 0
    var kind = Kind.absent
    var encoding = TextEncoding.utf8

    init() {}

    init(integer: Int64, enumeration: UInt32 = 0) {
        kind = .integer
        bits = UInt64(bitPattern: integer)
        self.enumeration = enumeration
    }

    init(float: Double) {
        kind = .float
        bits = float.bitPattern
    }

    init(text: UnsafeRawBufferPointer, encoding: TextEncoding) {
        kind = .text
        bits = UInt64(text.count)
        address = text.baseAddress
        self.encoding = encoding
    }

    /// - Parameter pattern: a pattern's tokens, and behind them its borders.
    init(pattern: UnsafeBufferPointer<UInt16>) {
        kind = .pattern
        bits = UInt64(pattern.count / 2)
        address = UnsafeRawPointer(pattern.baseAddress)
    }

    var integer: Int64 { Int64(bitPattern: bits) }

    /// An integer counts as the number that it is.
    var number: Double? {
        switch kind {
        case .integer: Double(integer)
        case .float: Double(bitPattern: bits)
        case .absent, .text, .pattern: nil
        }
    }

    var text: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: address, count: Int(truncatingIfNeeded: bits)) }

    /// Whether a text is what a pattern says.
    func matches(_ text: UnsafeRawBufferPointer) -> Bool {
        guard let tokens = address?.assumingMemoryBound(to: UInt16.self) else { return false }
        let count = Int(truncatingIfNeeded: bits)
        return FilterPattern.matches(
            UnsafeBufferPointer(start: tokens, count: count),
            borders: tokens + count,
            text
        )
    }
}

/// One step of a compiled expression, on registers.
struct FilterStep: BitwiseCopyable, Hashable {
    enum Operation: UInt8, BitwiseCopyable {
        case equal
        case notEqual
        case less
        case lessOrEqual
        case greater
        case greaterOrEqual
        case leftShift
        case rightShift
        case and
        case xor
        case or
        case plus
        case negate
        case complement
        case not
        /// 1 or 0, as `left` is true or not.
        case truth
        /// As `truth`, and goes to step `right`, counted from the first, when it is 0.
        case jumpIfFalse
        /// As `truth`, and goes to step `right`, counted from the first, when it is 1.
        case jumpIfTrue
        /// The constant with the number `left`.
        case constant
        /// The event is not wanted unless `left` is true.
        case require
        /// It is wanted.
        case accept
    }

    var operation: Operation
    var result: UInt32 = 0
    var left: UInt32 = 0
    var right: UInt32 = 0
}

/// The labels of an enumeration, as texts are compared with them.
struct FilterEnumeration {
    struct Label: BitwiseCopyable {
        var bytes: UnsafeRawBufferPointer
    }

    var lookup: EnumerationLookup
    /// By mapping.
    var labels: UnsafeMutablePointer<Label>
}

/// Evaluates compiled expressions. Whoever made the memory keeps it while this is used.
struct FilterMachine {
    let steps: UnsafePointer<FilterStep>
    let constants: UnsafePointer<FilterValue>
    let enumerations: UnsafePointer<FilterEnumeration>

    /// Whether the event whose values stand in `registers` is wanted: false also where something cannot be said.
    /// - Complexity: O(steps + patterns + texts that are compared); no allocation but for texts in UTF-16 and UTF-32.
    func accepts(from start: UInt32, _ registers: UnsafeMutablePointer<FilterValue>) -> Bool {
        var next = steps + Int(start)
        while true {
            let step = next.pointee
            next += 1
            let left = registers + Int(step.left)
            let right = registers + Int(step.right)
            let result: Bool?
            switch step.operation {
            case .equal: result = compare(.equal, left, right)
            case .notEqual: result = compare(.notEqual, left, right)
            case .less: result = compare(.less, left, right)
            case .lessOrEqual: result = compare(.lessOrEqual, left, right)
            case .greater: result = compare(.greater, left, right)
            case .greaterOrEqual: result = compare(.greaterOrEqual, left, right)
            case .leftShift, .rightShift, .and, .xor, .or, .plus, .negate, .complement:
                guard let value = calculate(step.operation, left.pointee, right.pointee) else { return false }
                registers[Int(step.result)] = value
                continue
            case .not: result = Self.truth(left).map { !$0 }
            case .truth: result = Self.truth(left)
            case .jumpIfFalse:
                result = Self.truth(left)
                if result == false { next = steps + Int(start) + Int(step.right) }
            case .jumpIfTrue:
                result = Self.truth(left)
                if result == true { next = steps + Int(start) + Int(step.right) }
            case .constant:
                registers[Int(step.result)] = constants[Int(step.left)]
                continue
            case .require:
                guard Self.truth(left) == true else { return false }
                continue
            case .accept: return true
            }
            guard let result else { return false }
            registers[Int(step.result)] = FilterValue(integer: result ? 1 : 0)
        }
    }

    @inline(__always)
    private static func truth(_ value: UnsafeMutablePointer<FilterValue>) -> Bool? {
        value.pointee.kind == .integer ? value.pointee.bits != 0 : nil
    }

    // MARK: Numbers

    private func calculate(
        _ operation: FilterStep.Operation,
        _ left: FilterValue,
        _ right: FilterValue
    ) -> FilterValue? {
        switch (operation, left.kind) {
        case (.plus, .integer): return FilterValue(integer: left.integer)
        case (.plus, .float): return left
        case (.negate, .integer): return FilterValue(integer: 0 &- left.integer)
        case (.negate, .float): return FilterValue(float: -Double(bitPattern: left.bits))
        case (.complement, .integer): return FilterValue(integer: ~left.integer)
        case (.leftShift, .integer), (.rightShift, .integer), (.and, .integer), (.xor, .integer), (.or, .integer):
            guard right.kind == .integer else { return nil }
            let isShift = operation == .leftShift || operation == .rightShift
            guard !isShift || right.bits <= 63, let operation = FilterBinary(operation) else { return nil }
            return FilterValue(integer: FilterArithmetic.bits(operation, left.integer, right.integer))
        default: return nil
        }
    }

    // MARK: Comparing

    @inline(__always)
    private func compare(
        _ operation: FilterBinary,
        _ left: UnsafeMutablePointer<FilterValue>,
        _ right: UnsafeMutablePointer<FilterValue>
    ) -> Bool? {
        guard left.pointee.kind == .integer, right.pointee.kind == .integer else {
            return compareOthers(operation, left.pointee, right.pointee)
        }
        return FilterArithmetic.isTrue(operation, left.pointee.integer, right.pointee.integer)
    }

    @inline(never)
    private func compareOthers(_ operation: FilterBinary, _ left: FilterValue, _ right: FilterValue) -> Bool? {
        if let left = left.number, let right = right.number { return FilterArithmetic.isTrue(operation, left, right) }
        switch (left.kind, right.kind) {
        case (.text, .text):
            return Self.withUTF8(left) { left in
                Self.withUTF8(right) { right in Self.compare(operation, left, right) }
            }
        case (.text, .pattern): return Self.matches(operation, left, right)
        case (.pattern, .text): return Self.matches(operation, right, left)
        case (.integer, .text), (.integer, .pattern): return compareLabels(operation, left, right)
        case (.text, .integer), (.pattern, .integer): return compareLabels(operation, right, left)
        default: return nil
        }
    }

    private static func compare(
        _ operation: FilterBinary,
        _ left: UnsafeRawBufferPointer,
        _ right: UnsafeRawBufferPointer
    ) -> Bool {
        switch operation {
        case .equal: left.elementsEqual(right)
        case .notEqual: !left.elementsEqual(right)
        case .less: left.lexicographicallyPrecedes(right)
        case .lessOrEqual: !right.lexicographicallyPrecedes(left)
        case .greater: right.lexicographicallyPrecedes(left)
        case .greaterOrEqual: !left.lexicographicallyPrecedes(right)
        default: preconditionFailure("not a comparison")
        }
    }

    private static func matches(_ operation: FilterBinary, _ text: FilterValue, _ pattern: FilterValue) -> Bool? {
        let matches = withUTF8(text) { pattern.matches($0) }
        return switch operation {
        case .equal: matches
        case .notEqual: !matches
        default: nil
        }
    }

    /// Whether a label of the enumeration's value is, or is not, the text.
    private func compareLabels(_ operation: FilterBinary, _ value: FilterValue, _ text: FilterValue) -> Bool? {
        guard value.enumeration > 0, operation == .equal || operation == .notEqual else { return nil }
        let enumeration = enumerations + Int(value.enumeration) - 1
        var last = -1
        while let mapping = enumeration.pointee.lookup.mapping(of: value.bits, after: last) {
            let label = FilterValue(text: enumeration.pointee.labels[mapping].bytes, encoding: .utf8)
            let isIt = text.kind == .pattern ? Self.matches(.equal, label, text) : compareOthers(.equal, label, text)
            if isIt == true { return operation == .equal }
            last = mapping
        }
        return operation == .notEqual
    }

    /// A text in UTF-8: as it stands in the packet, unless it is in another encoding.
    private static func withUTF8<Result>(
        _ value: FilterValue,
        _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        guard value.encoding.unitBytes > 1 else { return body(value.text) }
        var bytes: [UInt8] = []
        WideText(value.text, encoding: value.encoding).forEachUTF8 { bytes.append(contentsOf: $0) }
        return bytes.withUnsafeBytes(body)
    }
}

extension FilterBinary {
    fileprivate init?(_ operation: FilterStep.Operation) {
        switch operation {
        case .leftShift: self = .leftShift
        case .rightShift: self = .rightShift
        case .and: self = .and
        case .xor: self = .xor
        case .or: self = .or
        default: return nil
        }
    }
}
