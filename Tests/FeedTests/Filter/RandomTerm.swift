import CTF
import PacketWriter

@testable import Feed

/// Makes expressions by chance about the events of a program: most of what they name is there, and equal values are
/// not rare.
struct RandomTerm {
    var random: SeededRandom
    private var payloads: [[ReferenceTerm.Step]] = []
    private var contexts: [[ReferenceTerm.Step]] = []
    private var integers: [Int64] = [0, 1, -1, 5, .min, .max]
    private var floats: [Double] = [0, 0.5, 1e300, 2.5e-7]
    private var texts: [[UInt8]] = [[], Array("a".utf8)]
    private let names: [String]

    private let events: [ReferenceEvent]

    init(_ program: TraceProgram, events: [ReferenceEvent], seed: UInt64) {
        random = SeededRandom(seed: seed)
        names = program.events.map { $0.eventClass.name }
        self.events = events
        for event in events.prefix(20) { event.scopes.values.forEach { collect($0) } }
    }

    /// A condition about one of the events, and about those that have the same fields.
    mutating func condition() -> ReferenceTerm {
        let event = random.pick(events)
        payloads = []
        contexts = []
        collect(event.event.eventClass.payload.map { .structure($0) }, [], \.payloads)
        collect(event.event.eventClass.specificContext.map { .structure($0) }, [], \.contexts)
        let stream = event.packet.program.traceClass.streamClasses.first { $0.id == event.event.streamClassID }
        collect(stream?.eventCommonContext.map { .structure($0) }, [], \.contexts)
        return integer()
    }

    private mutating func collect(
        _ fieldClass: FieldClass?,
        _ path: [ReferenceTerm.Step],
        _ paths: WritableKeyPath<RandomTerm, [[ReferenceTerm.Step]]>
    ) {
        switch fieldClass {
        case nil, .blob: break
        case .integer, .float, .string: self[keyPath: paths].append(path)
        case .structure(let structure):
            for member in structure.members where Self.isName(member.name) {
                collect(member.fieldClass, path + [.name(member.name)], paths)
            }
        case .array(let array):
            if array.textEncoding != nil { self[keyPath: paths].append(path) }
            for index in 0..<3 { collect(array.element, path + [.index(index)], paths) }
        case .variant(let variant): for option in variant.options { collect(option.member.fieldClass, path, paths) }
        case .optional(let optional): collect(optional.element, path, paths)
        }
    }

    private static func isName(_ name: String) -> Bool {
        !name.isEmpty && name.first?.isNumber == false
            && name.utf8.allSatisfy { byte in
                byte < 0x80 && (UnicodeScalar(byte).properties.isAlphabetic || byte == 0x5F || 0x30...0x39 ~= byte)
            }
    }

    private mutating func collect(_ tree: ReferenceTree) {
        switch tree {
        case .integer(let value, let labels):
            integers.append(value)
            texts += (labels ?? []).map { Array($0.utf8) }
        case .float(let value): if value.isFinite { floats.append(value) }
        case .text(let bytes): texts.append(bytes.filter { $0 != 0 })
        case .structure(let members): members.forEach { collect($0.value) }
        case .array(let elements): elements.forEach { collect($0) }
        case .nothing: break
        }
    }

    // MARK: Terms

    /// A condition, or another integer.
    private mutating func integer(depth: Int = 0) -> ReferenceTerm {
        guard depth < 4, !(depth > 1 && random.once(in: 3)) else { return leaf() }
        switch Int.random(in: 0..<14, using: &random) {
        case 0...4: return comparison(depth)
        case 5, 6: return .binary("&&", integer(depth: depth + 1), integer(depth: depth + 1))
        case 7, 8: return .binary("||", integer(depth: depth + 1), integer(depth: depth + 1))
        case 9: return .unary("!", integer(depth: depth + 1))
        case 10: return .unary(random.pick(["-", "+", "~"]), integer(depth: depth + 1))
        case 11:
            let right: ReferenceTerm = random.once(in: 4) ? field() : .integer(.random(in: 0...63, using: &random))
            return .binary(random.pick(["<<", ">>"]), integer(depth: depth + 1), right)
        default: return .binary(random.pick(["&", "|", "^"]), integer(depth: depth + 1), integer(depth: depth + 1))
        }
    }

    private mutating func comparison(_ depth: Int) -> ReferenceTerm {
        let symbol = random.pick(["==", "!=", "<", "<=", ">", ">=", "==", "!="])
        if random.once(in: 3) {
            // At most one has a star, and only where it may.
            let isEquality = symbol == "==" || symbol == "!="
            let left = text(mayHaveStar: false)
            let right = text(mayHaveStar: isEquality)
            return random.once(in: 2) ? .binary(symbol, left, right) : .binary(symbol, right, left)
        }
        return .binary(symbol, random.once(in: 2) ? field() : number(depth), number(depth))
    }

    private mutating func number(_ depth: Int) -> ReferenceTerm {
        if random.once(in: 5) { return .float(random.pick(floats)).signed }
        if random.once(in: 9) { return .unary("-", .float(abs(random.pick(floats)))) }
        return random.once(in: 2) ? field() : integer(depth: depth + 1)
    }

    private mutating func leaf() -> ReferenceTerm {
        switch Int.random(in: 0..<6, using: &random) {
        case 0: .integer(random.pick(integers))
        case 1: .variable(random.once(in: 4) ? "level" : "cpu")
        default: field()
        }
    }

    /// - Parameter substitute: where there is no field.
    private mutating func field(or substitute: ReferenceTerm = .integer(1)) -> ReferenceTerm {
        if random.once(in: 60) { return .payload([.name("nobody")]) }
        let isContext = payloads.isEmpty || !contexts.isEmpty && random.once(in: 4)
        let paths = isContext ? contexts : payloads
        guard !paths.isEmpty else { return substitute }
        return isContext ? .context(random.pick(paths)) : .payload(random.pick(paths))
    }

    private mutating func text(mayHaveStar: Bool) -> ReferenceTerm {
        switch Int.random(in: 0..<6, using: &random) {
        case 0: return .variable(random.pick(["name", "host", "session", "relay"]))
        case 1: return .text(Array(random.pick(names).utf8))
        case 2, 3: return field(or: .variable("name"))
        default:
            var tokens: [UInt8?] = random.pick(texts).prefix(40).map { $0 }
            if mayHaveStar {
                for _ in 0..<Int.random(in: 0...2, using: &random) {
                    let start = Int.random(in: 0...tokens.count, using: &random)
                    let end = Int.random(in: start...tokens.count, using: &random)
                    tokens.replaceSubrange(start..<end, with: [nil])
                }
            }
            return .text(tokens)
        }
    }
}

extension ReferenceTerm {
    /// A negative number is one with a sign.
    fileprivate var signed: ReferenceTerm {
        guard case .float(let value) = self, value.sign == .minus else { return self }
        return .unary("-", .float(-value))
    }
}
