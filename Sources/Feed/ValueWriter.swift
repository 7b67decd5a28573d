import CTF

/// Writes the decoded values of an event, or of a packet's context, as a program visits them: members of
/// `DecodedEvent`, or a `Structure`, in protobuf's wire format (`feed.proto`).
///
/// Past the limit of bytes nothing more is written, and the event `isTooLarge`. What lies deeper than a frame may nest
/// is written as absent.
struct ValueWriter: FieldVisitor {
    /// Tags of the wire format: number of the member, times eight, plus 0 for a varint, 1 for 64 bits, 2 for a length.
    private enum Tag {
        /// `Structure.fields` and `Array.elements`.
        static let field: UInt8 = 0x0A
        static let unsigned: UInt8 = 0x10
        static let signed: UInt8 = 0x18
        static let real: UInt8 = 0x21
        static let text: UInt8 = 0x2A
        static let enumeration: UInt8 = 0x32
        static let structure: UInt8 = 0x3A
        static let array: UInt8 = 0x42
        static let blob: UInt8 = 0x4A
        static let absent: UInt8 = 0x50
        static let boolean: UInt8 = 0x58
        static let unsignedLabelled: UInt8 = 0x08
        static let signedLabelled: UInt8 = 0x10

        /// In `DecodedEvent`; a packet's context is a `Structure` alone, behind its length.
        static func scope(_ scope: FieldScope) -> UInt8? {
            switch scope {
            case .eventCommonContext: 0x2A
            case .eventSpecificContext: 0x32
            case .eventPayload: 0x3A
            case .packetContext, .packetHeader, .eventHeader: nil
            }
        }
    }

    var out = WireBuffer(capacity: 64 << 10)
    private let limits: FeedLimits
    private var names: ProgramNames?
    private var fields: UnsafePointer<ProgramNames.Field>?
    /// Where what is written now began.
    private var start = 0
    /// What the fields weigh besides their bytes: whoever reads them has a message for each, however short it is.
    private(set) var weight = 0
    private static let fieldWeight = 24
    /// Open scopes, structures and arrays: where their content begins, and that of the fields that they are.
    private var marks: [(field: Int, content: Int)] = []
    /// Open containers, variants and optionals among them.
    private var depth = 0
    /// Open containers of which nothing is written.
    private var hiddenDepth = 0
    /// The variant or optional whose name the next value takes.
    private var outerName: FieldID?

    private(set) var event = 0
    private(set) var clockCycles: UInt64 = 0

    init(limits: FeedLimits) {
        self.limits = limits
    }

    /// Whether values are missing because there were too many.
    var isTooLarge: Bool { out.count - start + weight > limits.decodedEventBytes }

    /// Begins another event or context at the buffer's end.
    mutating func begin(_ names: ProgramNames) {
        self.names = names
        fields = names.fields.baseAddress.map { UnsafePointer($0) }
        start = out.count
        weight = 0
        marks.removeAll(keepingCapacity: true)
        (depth, hiddenDepth, outerName) = (0, 0, nil)
    }

    mutating func beginEvent(_ event: Int, clockCycles: UInt64) {
        self.event = event
        self.clockCycles = clockCycles
    }

    mutating func endEvent() {}

    mutating func beginScope(_ scope: FieldScope) {
        depth += 1
        let field = out.count
        if let tag = Tag.scope(scope) { out.byte(tag) }
        marks.append((field, out.open()))
    }

    /// A scope without members is left out, and so are headers.
    mutating func endScope(_ scope: FieldScope) {
        depth -= 1
        guard let mark = marks.popLast() else { return }
        if out.count == mark.content || scope == .packetHeader || scope == .eventHeader {
            out.truncate(to: mark.field)
        } else {
            out.close(mark.content)
        }
    }

    mutating func beginStructure(_ field: FieldID) { beginContainer(field, Tag.structure) }
    mutating func endStructure(_ field: FieldID) { endContainer() }
    mutating func beginArray(_ field: FieldID, count: Int) { beginContainer(field, Tag.array) }
    mutating func endArray(_ field: FieldID) { endContainer() }

    /// The option's value takes the variant's name.
    mutating func beginVariant(_ field: FieldID, option: Int) {
        depth += 1
        outerName = outerName ?? field
    }

    mutating func endVariant(_ field: FieldID) {
        depth -= 1
        outerName = nil
    }

    /// The value takes the optional's name.
    mutating func beginOptional(_ field: FieldID, isPresent: Bool) {
        if isPresent { outerName = outerName ?? field } else { writeAbsent(field) }
        depth += 1
    }

    mutating func endOptional(_ field: FieldID) {
        depth -= 1
        outerName = nil
    }

    mutating func unsigned(_ value: UInt64, _ field: FieldID) {
        guard let (entry, mark) = beginField(field) else { return }
        if entry.pointee.isBoolean {
            out.byte(Tag.boolean)
            out.byte(value == 0 ? 0 : 1)
        } else if let number = entry.pointee.enumeration {
            let content = beginEnumeration()
            out.byte(Tag.unsignedLabelled)
            out.varint(value)
            endEnumeration(content, labels: number, of: value)
        } else {
            out.byte(Tag.unsigned)
            out.varint(value)
        }
        out.close(mark)
    }

    mutating func signed(_ value: Int64, _ field: FieldID) {
        guard let (entry, mark) = beginField(field) else { return }
        if let number = entry.pointee.enumeration {
            let content = beginEnumeration()
            out.byte(Tag.signedLabelled)
            out.zigzag(value)
            endEnumeration(content, labels: number, of: UInt64(bitPattern: value))
        } else {
            out.byte(Tag.signed)
            out.zigzag(value)
        }
        out.close(mark)
    }

    mutating func float(_ value: Float, _ field: FieldID) {
        double(Double(value), field)
    }

    mutating func double(_ value: Double, _ field: FieldID) {
        guard let (_, mark) = beginField(field) else { return }
        out.byte(Tag.real)
        out.fixed64(value.bitPattern)
        out.close(mark)
    }

    mutating func text(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {
        guard fits(bytes), let (entry, mark) = beginField(field) else { return }
        out.byte(Tag.text)
        if entry.pointee.encoding.unitBytes > 1 {
            var text = ""
            text.unicodeScalars.append(contentsOf: WideText(bytes, encoding: entry.pointee.encoding))
            text.withUTF8 { out.prefixed(UnsafeRawBufferPointer($0)) }
        } else if bytes.allSatisfy({ $0 < 0x80 }) {
            out.prefixed(bytes)
        } else {
            // As protobuf wants it: what is not UTF-8 is replaced by U+FFFD.
            var text = String(decoding: bytes, as: UTF8.self)
            text.withUTF8 { out.prefixed(UnsafeRawBufferPointer($0)) }
        }
        out.close(mark)
    }

    mutating func blob(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {
        guard fits(bytes), let (_, mark) = beginField(field) else { return }
        out.byte(Tag.blob)
        out.prefixed(bytes)
        out.close(mark)
    }
}

// MARK: - Fields

extension ValueWriter {
    /// Frame, record, events, event and its scope lie around the fields; each container is a field and a message.
    private var isTooDeep: Bool { depth > (limits.nestingDepth - 8) / 2 }

    /// Begins a `Field` with its name. - Returns: nil where nothing is written any more.
    @inline(__always)
    private mutating func beginField(_ field: FieldID) -> (entry: UnsafePointer<ProgramNames.Field>, mark: Int)? {
        guard hiddenDepth == 0, !isTooLarge, let fields else { return nil }
        weight += Self.fieldWeight
        out.byte(Tag.field)
        let mark = out.open()
        out.copy(fields[Int((outerName ?? field).rawValue)].name)
        outerName = nil
        return (fields + Int(field.rawValue), mark)
    }

    /// Whether a value may be copied; the event is too large if not.
    private mutating func fits(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count > limits.decodedEventBytes else { return true }
        weight += bytes.count
        return false
    }

    private mutating func writeAbsent(_ field: FieldID) {
        guard let (_, mark) = beginField(field) else { return }
        out.byte(Tag.absent)
        out.byte(1)
        out.close(mark)
    }

    private mutating func beginContainer(_ field: FieldID, _ tag: UInt8) {
        defer { depth += 1 }
        if hiddenDepth == 0, isTooDeep {
            writeAbsent(field)
        } else if let (_, mark) = beginField(field) {
            out.byte(tag)
            marks.append((mark, out.open()))
            return
        }
        hiddenDepth += 1
    }

    private mutating func endContainer() {
        depth -= 1
        guard hiddenDepth == 0 else { return hiddenDepth -= 1 }
        guard let mark = marks.popLast() else { return }
        out.close(mark.content)
        out.close(mark.field)
    }

    private mutating func beginEnumeration() -> Int {
        out.byte(Tag.enumeration)
        return out.open()
    }

    private mutating func endEnumeration(_ content: Int, labels number: Int, of bits: UInt64) {
        if let enumeration = names?.enumerations[number] {
            var last = -1
            while !isTooLarge, let mapping = enumeration.lookup.mapping(of: bits, after: last) {
                out.copy(enumeration.labels[mapping])
                last = mapping
            }
        }
        out.close(content)
    }
}
