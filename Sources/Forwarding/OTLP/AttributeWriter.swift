import CTF

/// Makes attributes of the fields of an event, as a program visits them.
///
/// Structures are lists of keys and values, arrays are arrays, an enumeration is `{value, labels}` as in JSON lines, an
/// optional that is absent is an empty value. Past its limits nothing more is made, and the event `isTooLarge`.
struct AttributeWriter: FieldVisitor {
    /// Fields and bytes of one event.
    private static let weightMax = 1 << 20
    private static let fieldWeight = 64
    /// Containers inside each other: each is three messages, of which readers of protobuf take a hundred.
    private static let depthMax = 24

    private enum Container {
        case scope, structure, array
    }

    private let arena: MessageArena
    private var keys: ProgramKeys?
    private var weight = 0
    /// The attributes or members, and the elements, of all open containers, and where those of each begin.
    private var members: [OTLPAttribute] = []
    private var elements: [OTLPValue] = []
    private var open: [(kind: Container, members: Int, elements: Int, field: FieldID)] = []
    /// Open containers of which nothing is made.
    private var hiddenDepth = 0
    private var isHeader = false
    /// The variant or optional whose name the next value takes.
    private var outer: FieldID?

    private(set) var event = 0
    private(set) var clockCycles: UInt64 = 0

    init(_ arena: MessageArena) { self.arena = arena }

    var isTooLarge: Bool { weight > Self.weightMax }
    /// Of the event, in order.
    var attributes: [OTLPAttribute] { members }

    mutating func begin(_ keys: ProgramKeys) {
        self.keys = keys
        members.removeAll(keepingCapacity: true)
        elements.removeAll(keepingCapacity: true)
        open.removeAll(keepingCapacity: true)
        (weight, hiddenDepth, isHeader, outer) = (0, 0, false, nil)
    }

    mutating func beginEvent(_ event: Int, clockCycles: UInt64) {
        self.event = event
        self.clockCycles = clockCycles
    }

    mutating func endEvent() {}

    mutating func beginScope(_ scope: FieldScope) {
        isHeader = scope == .packetHeader || scope == .eventHeader
        open.append((.scope, members.count, elements.count, FieldID(rawValue: 0)))
    }

    /// Headers are told by our own attributes.
    mutating func endScope(_ scope: FieldScope) {
        guard let own = open.popLast() else { return }
        if isHeader { members.removeSubrange(own.members...) }
        isHeader = false
    }

    mutating func beginStructure(_ field: FieldID) { begin(.structure, field) }
    mutating func endStructure(_ field: FieldID) { end() }
    mutating func beginArray(_ field: FieldID, count: Int) { begin(.array, field) }
    mutating func endArray(_ field: FieldID) { end() }

    /// The option's value takes the variant's name.
    mutating func beginVariant(_ field: FieldID, option: Int) { outer = outer ?? field }
    mutating func endVariant(_ field: FieldID) { outer = nil }

    /// The value takes the optional's name.
    mutating func beginOptional(_ field: FieldID, isPresent: Bool) {
        if isPresent { outer = outer ?? field } else { add(field) { $0.empty() } }
    }

    mutating func endOptional(_ field: FieldID) { outer = nil }

    mutating func unsigned(_ value: UInt64, _ field: FieldID) {
        guard let entry = keys?.fields[Int(field.rawValue)] else { return }
        if entry.isBoolean {
            add(field) { $0.value(value != 0) }
        } else if let number = entry.enumeration {
            let labels = self.labels(number, of: value)
            add(field) { Self.enumeration($0, $0.value(value), labels) }
        } else {
            add(field) { $0.value(value) }
        }
    }

    mutating func signed(_ value: Int64, _ field: FieldID) {
        if let number = keys?.fields[Int(field.rawValue)].enumeration {
            let labels = self.labels(number, of: UInt64(bitPattern: value))
            add(field) { Self.enumeration($0, $0.value(value), labels) }
        } else {
            add(field) { $0.value(value) }
        }
    }

    mutating func float(_ value: Float, _ field: FieldID) { double(Double(value), field) }
    mutating func double(_ value: Double, _ field: FieldID) { add(field) { $0.value(value) } }

    mutating func text(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {
        guard fits(bytes), let encoding = keys?.fields[Int(field.rawValue)].encoding else { return }
        if encoding.unitBytes > 1 {
            var text = ""
            text.unicodeScalars.append(contentsOf: WideText(bytes, encoding: encoding))
            add(field) { $0.value(text) }
        } else if bytes.allSatisfy({ $0 < 0x80 }) {
            add(field) { $0.value(cString: $0.string(bytes)) }
        } else {
            // Protobuf wants UTF-8: what is none is replaced by U+FFFD.
            add(field) { $0.value(String(decoding: bytes, as: UTF8.self)) }
        }
    }

    mutating func blob(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {
        guard fits(bytes) else { return }
        add(field) { $0.value(blob: bytes) }
    }

    // MARK: Containers

    private mutating func begin(_ kind: Container, _ field: FieldID) {
        guard hiddenDepth == 0, open.count < Self.depthMax else {
            if hiddenDepth == 0 { weight = Self.weightMax + 1 }
            return hiddenDepth += 1
        }
        open.append((kind, members.count, elements.count, outer ?? field))
        outer = nil
    }

    private mutating func end() {
        if hiddenDepth > 0 {
            hiddenDepth -= 1
            return
        }
        guard let own = open.popLast() else { return }
        let value: OTLPValue
        if own.kind == .array {
            value = arena.value(array: elements[own.elements...])
        } else {
            value = arena.value(members: members[own.members...])
        }
        members.removeSubrange(own.members...)
        elements.removeSubrange(own.elements...)
        outer = nil
        add(own.field) { _ in value }
    }

    /// Whether a text may be copied; the event is too large if not.
    private mutating func fits(_ bytes: UnsafeRawBufferPointer) -> Bool {
        weight += bytes.count
        return !isTooLarge
    }

    private mutating func add(_ field: FieldID, _ make: (MessageArena) -> OTLPValue) {
        guard hiddenDepth == 0, !isTooLarge, let keys else { return }
        weight += Self.fieldWeight
        let name = outer ?? field
        outer = nil
        let value = make(arena)
        if open.last?.kind == .array {
            elements.append(value)
        } else {
            members.append(arena.attribute(cString: keys.fields[Int(name.rawValue)].key, value))
        }
    }

    private func labels(_ number: Int, of bits: UInt64) -> [UnsafeMutablePointer<CChar>] {
        guard let enumeration = keys?.enumerations[number] else { return [] }
        var labels: [UnsafeMutablePointer<CChar>] = []
        var last = -1
        while labels.count < 64, let mapping = enumeration.lookup.mapping(of: bits, after: last) {
            labels.append(enumeration.labels[mapping])
            last = mapping
        }
        return labels
    }

    private static func enumeration(
        _ arena: MessageArena,
        _ value: OTLPValue,
        _ labels: [UnsafeMutablePointer<CChar>]
    ) -> OTLPValue {
        let texts = labels.map { arena.value(cString: $0) }
        return arena.value(members: [
            arena.attribute("value", value), arena.attribute("labels", arena.value(array: texts[...])),
        ])
    }
}
