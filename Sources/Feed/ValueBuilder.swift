import CFeedSchema
import CTF

/// Builds the decoded values of an event, or of a packet's context, from what a program visits.
///
/// Values of open structures and arrays wait on one stack; when a container ends, those above its mark become its own.
/// Everything lies in the arena. Past the limit of bytes nothing more is built, and the event `isTooLarge`.
struct ValueBuilder: FieldVisitor {
    typealias Field = UnsafeMutablePointer<Tidemark__Feed__Field>
    typealias Structure = UnsafeMutablePointer<Tidemark__Feed__Structure>

    private let arena: Arena
    private let limits: FeedLimits
    private var names: ProgramNames?
    private var waiting: [Field] = []
    private var marks: [Int] = []

    private(set) var event = 0
    private(set) var clockCycles: UInt64 = 0
    private(set) var packetContext: Structure?
    private(set) var commonContext: Structure?
    private(set) var specificContext: Structure?
    private(set) var payload: Structure?
    /// About how long the values are, never less than they really are.
    private(set) var estimatedBytes = 0

    init(arena: Arena, limits: FeedLimits) {
        self.arena = arena
        self.limits = limits
    }

    /// Whether values are missing because there were too many.
    var isTooLarge: Bool { estimatedBytes > limits.decodedEventBytes }

    /// Forgets the last event.
    mutating func begin(_ names: ProgramNames) {
        self.names = names
        waiting.removeAll(keepingCapacity: true)
        marks.removeAll(keepingCapacity: true)
        (packetContext, commonContext, specificContext, payload) = (nil, nil, nil, nil)
        estimatedBytes = 0
    }

    mutating func beginEvent(_ event: Int, clockCycles: UInt64) {
        self.event = event
        self.clockCycles = clockCycles
    }

    mutating func endEvent() {}

    mutating func beginScope(_ scope: FieldScope) {
        marks.append(waiting.count)
    }

    mutating func endScope(_ scope: FieldScope) {
        let members = popContainer()
        guard !members.isEmpty else { return }
        let structure = structure(members)
        waiting.removeLast(members.count)
        switch scope {
        case .packetContext: packetContext = structure
        case .eventCommonContext: commonContext = structure
        case .eventSpecificContext: specificContext = structure
        case .eventPayload: payload = structure
        case .packetHeader, .eventHeader: break
        }
    }

    mutating func beginStructure(_ field: FieldID) {
        marks.append(waiting.count)
    }

    mutating func endStructure(_ field: FieldID) {
        let members = popContainer()
        let structure = structure(members)
        waiting.removeLast(members.count)
        append(field, isTooDeep ? TIDEMARK__FEED__FIELD__VALUE_ABSENT : TIDEMARK__FEED__FIELD__VALUE_STRUCTURE) {
            [isTooDeep] in
            if isTooDeep { $0.pointee.absent = 1 } else { $0.pointee.structure = structure }
        }
    }

    mutating func beginArray(_ field: FieldID, count: Int) {
        marks.append(waiting.count)
    }

    mutating func endArray(_ field: FieldID) {
        let elements = popContainer()
        let array: UnsafeMutablePointer<Tidemark__Feed__Array> = arena.make(tidemark__feed__array__init)
        array.pointee.elements = arena.pointers(to: elements)
        array.pointee.n_elements = elements.count
        waiting.removeLast(elements.count)
        append(field, isTooDeep ? TIDEMARK__FEED__FIELD__VALUE_ABSENT : TIDEMARK__FEED__FIELD__VALUE_ARRAY) {
            [isTooDeep] in
            if isTooDeep { $0.pointee.absent = 1 } else { $0.pointee.array = array }
        }
    }

    mutating func beginVariant(_ field: FieldID, option: Int) {
        marks.append(waiting.count)
    }

    /// The option's value takes the variant's name.
    mutating func endVariant(_ field: FieldID) {
        name(popContainer(), field)
    }

    mutating func beginOptional(_ field: FieldID, isPresent: Bool) {
        marks.append(waiting.count)
        if !isPresent { append(field, TIDEMARK__FEED__FIELD__VALUE_ABSENT) { $0.pointee.absent = 1 } }
    }

    /// The value takes the optional's name.
    mutating func endOptional(_ field: FieldID) {
        name(popContainer(), field)
    }

    private mutating func name(_ values: ArraySlice<Field>, _ field: FieldID) {
        guard let option = values.last, let names else { return }
        estimatedBytes += names.fields[Int(field.rawValue)].nameBytes
        option.pointee.name = names.fields[Int(field.rawValue)].name ?? arena.unnamed
    }

    mutating func unsigned(_ value: UInt64, _ field: FieldID) {
        if let names, names.fields[Int(field.rawValue)].isBoolean {
            append(field, TIDEMARK__FEED__FIELD__VALUE_BOOLEAN) { $0.pointee.boolean = value == 0 ? 0 : 1 }
        } else if let enumeration = enumeration(value, field) {
            enumeration.pointee.value_case = TIDEMARK__FEED__ENUMERATION__VALUE_UNSIGNED_VALUE
            enumeration.pointee.unsigned_value = value
            append(field, TIDEMARK__FEED__FIELD__VALUE_ENUMERATION) { $0.pointee.enumeration = enumeration }
        } else {
            append(field, TIDEMARK__FEED__FIELD__VALUE_UNSIGNED_INTEGER) { $0.pointee.unsigned_integer = value }
        }
    }

    mutating func signed(_ value: Int64, _ field: FieldID) {
        if let enumeration = enumeration(UInt64(bitPattern: value), field) {
            enumeration.pointee.value_case = TIDEMARK__FEED__ENUMERATION__VALUE_SIGNED_VALUE
            enumeration.pointee.signed_value = value
            append(field, TIDEMARK__FEED__FIELD__VALUE_ENUMERATION) { $0.pointee.enumeration = enumeration }
        } else {
            append(field, TIDEMARK__FEED__FIELD__VALUE_SIGNED_INTEGER) { $0.pointee.signed_integer = value }
        }
    }

    mutating func float(_ value: Float, _ field: FieldID) {
        double(Double(value), field)
    }

    mutating func double(_ value: Double, _ field: FieldID) {
        append(field, TIDEMARK__FEED__FIELD__VALUE_REAL) { $0.pointee.real = value }
    }

    mutating func text(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {
        // Repair makes three bytes out of one.
        estimatedBytes += 3 * bytes.count
        guard !isTooLarge else { return }
        let encoding = names?.fields[Int(field.rawValue)].encoding ?? .utf8
        let text = encoding.unitBytes > 1 ? arena.wideText(bytes, encoding) : arena.validText(bytes)
        append(field, TIDEMARK__FEED__FIELD__VALUE_TEXT) { $0.pointee.text = text }
    }

    mutating func blob(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {
        estimatedBytes += bytes.count
        guard !isTooLarge else { return }
        let copy = arena.bytes(bytes)
        append(field, TIDEMARK__FEED__FIELD__VALUE_BLOB) { $0.pointee.blob = copy }
    }
}

// MARK: - Containers

extension ValueBuilder {
    /// Frame, record, events, event and its scope lie around the fields; each container is a field and a message.
    private var isTooDeep: Bool { marks.count > (limits.nestingDepth - 8) / 2 }

    /// Closes the innermost container: its values, which are still waiting.
    private mutating func popContainer() -> ArraySlice<Field> {
        waiting[(marks.popLast() ?? waiting.count)...]
    }

    private func structure(_ members: ArraySlice<Field>) -> Structure {
        let structure: Structure = arena.make(tidemark__feed__structure__init)
        structure.pointee.fields = arena.pointers(to: members)
        structure.pointee.n_fields = members.count
        return structure
    }

    private mutating func append(
        _ field: FieldID,
        _ valueCase: Tidemark__Feed__Field__ValueCase,
        _ fill: (Field) -> Void
    ) {
        guard let names else { return }
        let entry = names.fields[Int(field.rawValue)]
        estimatedBytes += 24 + entry.nameBytes
        guard !isTooLarge else { return }
        let value: Field = arena.make(tidemark__feed__field__init)
        if let name = entry.name { value.pointee.name = name }
        value.pointee.value_case = valueCase
        fill(value)
        waiting.append(value)
    }

    /// The message of a value with labels; nil when its field has none.
    private mutating func enumeration(
        _ bits: UInt64,
        _ field: FieldID
    ) -> UnsafeMutablePointer<Tidemark__Feed__Enumeration>? {
        guard !isTooLarge, let names, let number = names.fields[Int(field.rawValue)].enumeration else { return nil }
        let enumeration = names.enumerations[number]
        let message: UnsafeMutablePointer<Tidemark__Feed__Enumeration> = arena.make(tidemark__feed__enumeration__init)
        var labels: [UnsafeMutablePointer<CChar>?] = []
        var last = -1
        while !isTooLarge, let mapping = enumeration.lookup.mapping(of: bits, after: last) {
            labels.append(enumeration.labels[mapping].text)
            estimatedBytes += 8 + enumeration.labels[mapping].byteCount
            last = mapping
        }
        estimatedBytes += 16
        let pointers = arena.array(of: UnsafeMutablePointer<CChar>?.self, count: labels.count)
        for (index, label) in labels.enumerated() { (pointers + index).initialize(to: label) }
        message.pointee.labels = pointers
        message.pointee.n_labels = labels.count
        return message
    }
}

extension Arena {
    func pointers<Message>(
        to messages: ArraySlice<UnsafeMutablePointer<Message>>
    ) -> UnsafeMutablePointer<UnsafeMutablePointer<Message>?> {
        let pointers: UnsafeMutablePointer<UnsafeMutablePointer<Message>?> = pointers(count: messages.count)
        var next = pointers
        for message in messages {
            next.initialize(to: message)
            next += 1
        }
        return pointers
    }

    /// An element's name.
    fileprivate var unnamed: UnsafeMutablePointer<CChar> {
        let string = array(of: CChar.self, count: 1)
        string.initialize(to: 0)
        return string
    }

    /// A copy of a text as protobuf wants it: what is not UTF-8 is replaced by U+FFFD.
    fileprivate func validText(_ bytes: UnsafeRawBufferPointer) -> UnsafeMutablePointer<CChar>? {
        if bytes.allSatisfy({ $0 < 0x80 }) { return string(bytes) ?? unnamed }
        var repaired = String(decoding: bytes, as: UTF8.self)
        return repaired.withUTF8 { string(UnsafeRawBufferPointer($0)) } ?? unnamed
    }

    /// A copy of a text that is not in UTF-8, in UTF-8.
    fileprivate func wideText(
        _ bytes: UnsafeRawBufferPointer,
        _ encoding: TextEncoding
    ) -> UnsafeMutablePointer<CChar>? {
        var text = ""
        text.unicodeScalars.append(contentsOf: WideText(bytes, encoding: encoding))
        return text.withUTF8 { string(UnsafeRawBufferPointer($0)) } ?? unnamed
    }
}
