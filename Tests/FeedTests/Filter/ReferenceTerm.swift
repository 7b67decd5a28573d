import CTF

@testable import Feed

/// An expression as the reference has it: written by its own rules, and evaluated by walking over the tree.
indirect enum ReferenceTerm {
    enum Step: Equatable {
        case name(String)
        case index(Int)
    }

    enum Kind {
        case integer
        case float
        case text
        case labels
    }

    /// A value while evaluating.
    enum Value {
        /// Labels: nil where it can have none.
        case integer(Int64, labels: [String]?)
        case float(Double)
        /// Nil stands for a star.
        case text([UInt8?])
    }

    case integer(Int64)
    case float(Double)
    case text([UInt8?])
    case payload([Step])
    case context([Step])
    case variable(String)
    case unary(String, ReferenceTerm)
    case binary(String, ReferenceTerm, ReferenceTerm)

    static let precedences: [String: Int] = [
        "<<": 8, ">>": 8, "&": 7, "^": 6, "|": 5, "<": 4, "<=": 4, ">": 4, ">=": 4, "==": 3, "!=": 3, "&&": 2, "||": 1,
    ]

    // MARK: Writing

    /// - Parameter isCautious: whether there are parentheses wherever there may be some.
    func text(isCautious: Bool, within precedence: Int = 0) -> String {
        switch self {
        case .integer(let value): return value < 0 ? "-\(value.magnitude)" : "\(value)"
        case .float(let value): return "\(value)"
        case .text(let tokens): return "\"" + tokens.map(Self.escaped).joined() + "\""
        case .payload(let path): return Self.path(path)
        case .context(let path): return "$ctx." + Self.path(path)
        case .variable(let name): return "$" + name
        case .unary(let symbol, let value):
            let operand = value.text(isCautious: isCautious, within: 9)
            return isCautious ? "(\(symbol)(\(operand)))" : symbol + operand
        case .binary(let symbol, let left, let right):
            let own = Self.precedences[symbol] ?? 0
            let text =
                left.text(isCautious: isCautious, within: own) + " \(symbol) "
                + right.text(isCautious: isCautious, within: own + 1)
            return isCautious || own < precedence ? "(\(text))" : text
        }
    }

    private static func escaped(_ token: UInt8?) -> String {
        guard let byte = token else { return "*" }
        let isPlain = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte == UInt8(ascii: " ")
        return isPlain ? String(UnicodeScalar(byte)) : "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }

    private static func path(_ path: [Step]) -> String {
        path.enumerated().map { index, step in
            switch step {
            case .name(let name): (index == 0 ? "" : ".") + name
            case .index(let number): "[\(number)]"
            }
        }.joined()
    }

    // MARK: Evaluating

    /// Whether an event is wanted.
    func wants(_ event: ReferenceEvent) -> Bool {
        guard kinds(in: event)?.contains(.integer) == true, case .integer(let value, _)? = value(event) else {
            return false
        }
        return value != 0
    }

    /// Nil: nothing can be said.
    private func value(_ event: ReferenceEvent) -> Value? {
        switch self {
        case .integer(let value): return .integer(value, labels: nil)
        case .float(let value): return .float(value)
        case .text(let tokens): return .text(tokens)
        case .variable(let name): return variable(name, event)
        case .payload(let path): return Self.value(event.scopes[.eventPayload]?.value(at: path[...]))
        case .context(let path):
            let scope: FieldScope =
                Self.kinds(path, event.event.eventClass.specificContext).isEmpty
                ? .eventCommonContext : .eventSpecificContext
            return Self.value(event.scopes[scope]?.value(at: path[...]))
        case .unary(let symbol, let operand): return Self.apply(symbol, operand.value(event))
        case .binary("&&", let left, let right):
            if left.isKnownFalse(event) || right.isKnownFalse(event) { return .integer(0, labels: nil) }
            guard let isTrue = Self.truth(left.value(event)) else { return nil }
            return isTrue ? Self.truth(right.value(event)).map { Self.bool($0) } : Self.bool(false)
        case .binary("||", let left, let right):
            guard let isTrue = Self.truth(left.value(event)) else { return nil }
            return isTrue ? Self.bool(true) : Self.truth(right.value(event)).map { Self.bool($0) }
        case .binary(let symbol, let left, let right):
            guard let left = left.value(event), let right = right.value(event) else { return nil }
            return Self.apply(symbol, left, right)
        }
    }

    private static func bool(_ value: Bool) -> Value { .integer(value ? 1 : 0, labels: nil) }

    private static func truth(_ value: Value?) -> Bool? {
        guard case .integer(let number, _)? = value else { return nil }
        return number != 0
    }

    private static func value(_ tree: ReferenceTree?) -> Value? {
        switch tree {
        case .integer(let value, let labels): .integer(value, labels: labels)
        case .float(let value): .float(value)
        case .text(let bytes): .text(bytes)
        case .structure, .array, .nothing, nil: nil
        }
    }

    private func variable(_ name: String, _ event: ReferenceEvent) -> Value? {
        switch name {
        case "name": .text(Array(event.event.eventClass.name.utf8))
        case "host": .text(Array(event.packet.trace.host.utf8))
        case "session": .text(Array(event.packet.trace.session.utf8))
        case "relay": .text(Array(event.packet.trace.relay.utf8))
        case "level": event.event.eventClass.logLevel.map { .integer($0, labels: nil) }
        default: event.packet.preamble.cpuID.map { .integer(Int64(bitPattern: $0), labels: nil) }
        }
    }

    private static func apply(_ symbol: String, _ value: Value?) -> Value? {
        switch (symbol, value) {
        case ("-", .integer(let value, _)): .integer(0 &- value, labels: nil)
        case ("-", .float(let value)): .float(-value)
        case ("+", .integer(let value, _)): .integer(value, labels: nil)
        case ("+", .float(let value)): .float(value)
        case ("~", .integer(let value, _)): .integer(-1 ^ value, labels: nil)
        case ("!", .integer(let value, _)): bool(value == 0)
        default: nil
        }
    }

    private static func apply(_ symbol: String, _ left: Value, _ right: Value) -> Value? {
        switch (left, right) {
        case (.integer(let left, _), .integer(let right, _)):
            switch symbol {
            case "<<": return (0..<64).contains(right) ? .integer(left << right, labels: nil) : nil
            case ">>":
                let bits = UInt64(bitPattern: left)
                return (0..<64).contains(right) ? .integer(Int64(bitPattern: bits >> UInt64(right)), labels: nil) : nil
            case "&": return .integer(left & right, labels: nil)
            case "|": return .integer(left | right, labels: nil)
            case "^": return .integer(left ^ right, labels: nil)
            default: return bool(holds(symbol, left == right, left < right, left > right))
            }
        case (.integer(let left, _), .float(let right)): return compare(symbol, Double(left), right)
        case (.float(let left), .integer(let right, _)): return compare(symbol, left, Double(right))
        case (.float(let left), .float(let right)): return compare(symbol, left, right)
        case (.text(let left), .text(let right)):
            guard precedences[symbol] == 3 || precedences[symbol] == 4 else { return nil }
            if left.contains(nil) || right.contains(nil) {
                let (pattern, text) = left.contains(nil) ? (left, right) : (right, left)
                guard symbol == "==" || symbol == "!=" else { return nil }
                return bool(matches(pattern[...], text[...]) == (symbol == "=="))
            }
            let (left, right) = (left.compactMap { $0 }, right.compactMap { $0 })
            let (isLess, isMore) = (left.lexicographicallyPrecedes(right), right.lexicographicallyPrecedes(left))
            return bool(holds(symbol, left == right, isLess, isMore))
        case (.integer(_, let labels), .text(let text)), (.text(let text), .integer(_, let labels)):
            guard let labels, symbol == "==" || symbol == "!=" else { return nil }
            return bool(labels.contains { matches(text[...], $0.utf8.map { Optional($0) }[...]) } == (symbol == "=="))
        default: return nil
        }
    }

    private static func compare(_ symbol: String, _ left: Double, _ right: Double) -> Value? {
        guard precedences[symbol] == 3 || precedences[symbol] == 4 else { return nil }
        return bool(holds(symbol, left == right, left < right, left > right))
    }

    private static func holds(_ symbol: String, _ isEqual: Bool, _ isLess: Bool, _ isMore: Bool) -> Bool {
        switch symbol {
        case "==": isEqual
        case "!=": !isEqual
        case "<": isLess
        case "<=": isLess || isEqual
        case ">": isMore
        default: isMore || isEqual
        }
    }

    private static func matches(_ pattern: ArraySlice<UInt8?>, _ text: ArraySlice<UInt8?>) -> Bool {
        guard let token = pattern.first else { return text.isEmpty }
        guard let byte = token else {
            return (text.startIndex...text.endIndex).contains { matches(pattern.dropFirst(), text[$0...]) }
        }
        return text.first == byte && matches(pattern.dropFirst(), text.dropFirst())
    }
}

// MARK: - What a class has

extension ReferenceTerm {
    /// Whether it is false whatever the event's values.
    private func isKnownFalse(_ event: ReferenceEvent) -> Bool {
        switch self {
        case .binary("&&", let left, let right):
            if left.isKnownFalse(event) || right.isKnownFalse(event) { return true }
        case .binary("||", let left, let right):
            return left.isKnownFalse(event) && right.isKnownFalse(event)
        default: break
        }
        return needsNoEvent(event) && Self.truth(value(event)) == false
    }

    private func needsNoEvent(_ event: ReferenceEvent) -> Bool {
        switch self {
        case .integer, .float, .text: true
        case .payload, .context: false
        case .variable(let name): name != "cpu"
        case .unary(_, let operand): operand.needsNoEvent(event)
        case .binary("&&", let left, let right):
            left.needsNoEvent(event) && right.needsNoEvent(event)
                || left.isKnownFalse(event) || right.isKnownFalse(event)
        case .binary("||", let left, let right):
            left.needsNoEvent(event) && (right.needsNoEvent(event) || Self.truth(left.value(event)) == true)
        case .binary(_, let left, let right): left.needsNoEvent(event) && right.needsNoEvent(event)
        }
    }

    /// Which kinds of value it may have in events of the class; nil where there are none.
    private func kinds(in event: ReferenceEvent) -> Set<Kind>? {
        switch self {
        case .integer: return [.integer]
        case .float: return [.float]
        case .text: return [.text]
        case .variable("cpu"): return [.integer]
        case .variable("level"): return event.event.eventClass.logLevel == nil ? nil : [.integer]
        case .variable: return [.text]
        case .payload(let path):
            let kinds = Self.kinds(path, event.event.eventClass.payload)
            return kinds.isEmpty ? nil : kinds
        case .context(let path):
            let streams = event.packet.program.traceClass.streamClasses
            let common = streams.first { $0.id == event.event.streamClassID }?.eventCommonContext
            let own = Self.kinds(path, event.event.eventClass.specificContext)
            let kinds = own.isEmpty ? Self.kinds(path, common) : own
            return kinds.isEmpty ? nil : kinds
        case .unary(let symbol, let operand):
            guard let kinds = operand.kinds(in: event) else { return nil }
            let fitting = kinds.intersection(symbol == "-" || symbol == "+" ? [.integer, .float] : [.integer])
            return fitting.isEmpty ? nil : fitting
        case .binary("&&", let left, let right) where left.isKnownFalse(event) || right.isKnownFalse(event):
            return [.integer]
        case .binary(let symbol, let left, let right):
            guard let left = left.kinds(in: event), let right = right.kinds(in: event) else { return nil }
            let isComparison = [3, 4].contains(Self.precedences[symbol])
            let isEquality = Self.precedences[symbol] == 3
            let numbers: Set<Kind> = [.integer, .float]
            let fits =
                !isComparison
                ? left.contains(.integer) && right.contains(.integer)
                : !left.isDisjoint(with: numbers) && !right.isDisjoint(with: numbers)
                    || left.contains(.text) && right.contains(.text)
                    || isEquality && left.contains(.text) && right.contains(.labels)
                    || isEquality && left.contains(.labels) && right.contains(.text)
            // What needs no event and can never be said.
            if fits, needsNoEvent(event), value(event) == nil { return nil }
            return fits ? [.integer] : nil
        }
    }

    private static func kinds(_ path: [Step], _ root: StructureClass?) -> Set<Kind> {
        root.map { kinds(path[...], .structure($0)) } ?? []
    }

    private static func kinds(_ path: ArraySlice<Step>, _ fieldClass: FieldClass) -> Set<Kind> {
        switch fieldClass {
        case .integer(let integer):
            return path.isEmpty ? (integer.mappings == nil ? [.integer] : [.integer, .labels]) : []
        case .float: return path.isEmpty ? [.float] : []
        case .string: return path.isEmpty ? [.text] : []
        case .blob: return []
        case .structure(let structure):
            guard case .name(let name)? = path.first,
                let member = structure.members.first(where: { $0.name == name })
            else { return [] }
            return kinds(path.dropFirst(), member.fieldClass)
        case .array(let array):
            if array.textEncoding != nil { return path.isEmpty ? [.text] : [] }
            guard case .index(let index)? = path.first else { return [] }
            if case .constant(let count) = array.length, index >= count { return [] }
            return kinds(path.dropFirst(), array.element)
        case .variant(let variant):
            return variant.options.reduce(into: []) { $0.formUnion(kinds(path, $1.member.fieldClass)) }
        case .optional(let optional): return kinds(path, optional.element)
        }
    }
}
