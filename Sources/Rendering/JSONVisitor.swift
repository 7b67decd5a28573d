import CTF

/// Writes events as JSON lines. One visitor serves all programs: the renderer points it at a prepared one.
///
/// As in `TextVisitor`, a call copies a prepared text and formats a value. Scopes without members are taken back.
struct JSONVisitor: FieldVisitor {
    var pen: OutputPen
    /// Added to each timestamp, nanoseconds.
    var correction = TimeCorrection.none
    /// `,"relay":…` and all that a packet's events have in common.
    var source = UnsafeRawBufferPointer(start: nil, count: 0)
    /// `,"packet":{…}`.
    var packetContext = UnsafeRawBufferPointer(start: nil, count: 0)
    /// How far the event is behind the watermark, nanoseconds; 0 when it is not late.
    var lateNs: Int64 = 0
    /// Whether that is only because the offsets of its host's traces differ.
    var isLateByClock = false

    private var fields: UnsafeMutablePointer<JSONProgram.Field>
    private var events: UnsafeMutablePointer<JSONProgram.Event>
    private var scopes: UnsafeMutablePointer<LiteralArena.Literal>
    private var literals: UnsafeMutablePointer<UInt8>
    private var enumerations: UnsafeMutablePointer<EnumerationLabels>
    private var isFirst = true
    private var scopeStart = 0

    /// Points at no program yet.
    init(pen: OutputPen) {
        self.pen = pen
        fields = nowhere()
        events = nowhere()
        scopes = nowhere()
        literals = nowhere()
        enumerations = nowhere()
    }

    /// Points the visitor at another program, which outlives its use.
    @inline(__always)
    mutating func use(_ program: JSONProgram) {
        fields = program.fields
        events = program.events
        scopes = program.scopes
        literals = program.literals
        enumerations = program.enumerations
    }

    // MARK: Events and scopes

    @inline(__always)
    mutating func beginEvent(_ event: Int, clockCycles: UInt64) {
        let prepared = events[event]
        pen.appendLiteral("{\"type\":\"event\",\"ts\":")
        if let conversion = prepared.clock {
            let rawNs = conversion.nanoseconds(clockCycles)
            pen.appendDecimal(correction.corrected(rawNs))
            if !correction.isNone {
                pen.appendLiteral(",\"raw_ts\":")
                pen.appendDecimal(rawNs)
            }
        } else {
            pen.appendLiteral("null")
        }
        pen.append(source)
        append(prepared.header)
        pen.append(packetContext)
    }

    @inline(__always)
    mutating func endEvent() {
        if lateNs != 0 {
            pen.appendLiteral(",\"late\":")
            pen.appendDecimal(lateNs)
            if isLateByClock { pen.appendLiteral(",\"late_cause\":\"clock\"") }
        }
        pen.appendLiteral("}\n")
    }

    @inline(__always)
    mutating func beginScope(_ scope: FieldScope) {
        scopeStart = pen.count
        append(scopes[Int(scope.rawValue)])
        isFirst = true
    }

    @inline(__always)
    mutating func endScope(_ scope: FieldScope) {
        if isFirst {
            pen.position = pen.base + scopeStart
        } else {
            pen.append(0x7D)
        }
    }

    // MARK: Compound values

    @inline(__always)
    mutating func beginStructure(_ field: FieldID) {
        lead(field)
        isFirst = true
    }

    @inline(__always)
    mutating func endStructure(_ field: FieldID) {
        pen.append(0x7D)
        isFirst = false
    }

    @inline(__always)
    mutating func beginArray(_ field: FieldID, count: Int) {
        lead(field)
        isFirst = true
    }

    @inline(__always)
    mutating func endArray(_ field: FieldID) {
        pen.append(0x5D)
        isFirst = false
    }

    @inline(__always)
    mutating func beginVariant(_ field: FieldID, option: Int) {
        lead(field)
    }

    @inline(__always)
    mutating func endVariant(_ field: FieldID) {
    }

    mutating func beginOptional(_ field: FieldID, isPresent: Bool) {
        lead(field)
        if !isPresent { pen.appendLiteral("null") }
    }

    mutating func endOptional(_ field: FieldID) {}

    // MARK: Values

    @inline(__always)
    mutating func unsigned(_ value: UInt64, _ field: FieldID) {
        let enumeration = lead(field)
        if _slowPath(enumeration < -1) { return appendBoolean(value != 0) }
        pen.appendDecimal(value)
        if enumeration >= 0 { appendLabels(of: value, enumeration) }
    }

    @inline(__always)
    mutating func signed(_ value: Int64, _ field: FieldID) {
        let enumeration = lead(field)
        pen.appendDecimal(value)
        if enumeration >= 0 { appendLabels(of: UInt64(bitPattern: value), enumeration) }
    }

    mutating func float(_ value: Float, _ field: FieldID) {
        lead(field)
        pen.appendJSON(Double(value))
    }

    mutating func double(_ value: Double, _ field: FieldID) {
        lead(field)
        pen.appendJSON(value)
    }

    @inline(__always)
    mutating func text(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {
        let encoding = fields[Int(field.rawValue)].encoding
        lead(field)
        if _slowPath(encoding.unitBytes > 1) {
            appendWide(bytes, encoding)
        } else {
            JSONEscapes.append(bytes, to: &pen)
        }
        pen.append(0x22)
    }

    mutating func blob(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {
        lead(field)
        Base64.append(bytes, to: &pen)
        pen.append(0x22)
    }

    // MARK: Parts

    @inline(__always)
    private mutating func append(_ literal: LiteralArena.Literal) {
        pen.appendPadded(literals + Int(literal.offset), count: Int(literal.count))
    }

    /// What comes before a value.
    /// - Returns: the field's enumeration; -1 for none.
    @inline(__always)
    @discardableResult
    private mutating func lead(_ field: FieldID) -> Int32 {
        let prepared = fields[Int(field.rawValue)]
        let skip = isFirst ? 1 : 0
        isFirst = false
        pen.appendPadded(literals + Int(prepared.lead.offset) + skip, count: Int(prepared.lead.count) - skip)
        return prepared.enumeration
    }

    @inline(never)
    private mutating func appendBoolean(_ value: Bool) {
        pen.appendLiteral(value ? "true" : "false")
    }

    @inline(never)
    private mutating func appendWide(_ bytes: UnsafeRawBufferPointer, _ encoding: TextEncoding) {
        WideText(bytes, encoding: encoding).forEachUTF8 { JSONEscapes.append($0, to: &pen) }
    }

    @inline(never)
    private mutating func appendLabels(of bits: UInt64, _ enumeration: Int32) {
        pen.appendLiteral(",\"labels\":[")
        let labels = enumerations[Int(enumeration)]
        var last = -1
        if let label = labels.nextLabel(of: bits, after: &last) {
            append(label)
            while let label = labels.nextLabel(of: bits, after: &last) {
                pen.append(0x2C)
                append(label)
            }
        }
        pen.appendLiteral("]}")
    }
}
