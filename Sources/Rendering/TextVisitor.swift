import CTF

/// Writes events as babeltrace2's text. One visitor serves all programs: the renderer points it at a prepared one.
///
/// Every call copies a prepared text and formats a value: nothing is allocated, counted or looked up by name.
/// A comma stands before all members but a structure's first, which one flag tells: after a nested value has ended, its
/// parent has a member.
struct TextVisitor: FieldVisitor {
    var pen: OutputPen
    var clock: ClockText
    /// Added to each timestamp, nanoseconds.
    var correction = TimeCorrection.none
    /// What the packet's context is rendered to; printed with each of its events. Nil: none.
    var packetContext = UnsafeRawBufferPointer(start: nil, count: 0)

    /// Whether a scope without members is taken back.
    var dropsEmptyScope = false
    let options: TextOptions
    private var fields: UnsafeMutablePointer<TextProgram.Field>
    private var events: UnsafeMutablePointer<TextProgram.Event>
    private var scopes: UnsafeMutablePointer<LiteralArena.Literal>
    private var literals: UnsafeMutablePointer<UInt8>
    private var indexes: UnsafeMutablePointer<UInt64>
    private var enumerations: UnsafeMutablePointer<EnumerationLabels>
    private var isFirst = true
    private var hasScope = false
    private var scopeStart = 0
    private var arrayDepth = 0
    /// Whether the innermost optional has no value; it ends before another one begins.
    private var isAbsent = false

    /// Points at no program yet.
    init(options: TextOptions, pen: OutputPen) {
        self.options = options
        self.pen = pen
        clock = ClockText(options: options)
        fields = nowhere()
        events = nowhere()
        scopes = nowhere()
        literals = nowhere()
        indexes = nowhere()
        enumerations = nowhere()
    }

    /// Points the visitor at another program, which outlives its use.
    @inline(__always)
    mutating func use(_ program: TextProgram) {
        fields = program.fields
        events = program.events
        scopes = program.scopes
        literals = program.literals
        indexes = program.indexes
        enumerations = program.enumerations
        arrayDepth = 0
        isFirst = true
        hasScope = false
    }

    // MARK: Events and scopes

    @inline(__always)
    mutating func beginEvent(_ event: Int, clockCycles: UInt64) {
        let prepared = events[event]
        arrayDepth = 0
        if let conversion = prepared.clock {
            let amountNs =
                correction.isConstant
                ? correction.offsetNs : correction.amountNs(at: conversion.nanoseconds(clockCycles))
            clock.append(cycles: clockCycles, conversion: conversion, correctionNs: amountNs, to: &pen)
        }
        append(prepared.header)
        if _slowPath(prepared.rest.count > 0) { append(prepared.rest) }
        hasScope = !packetContext.isEmpty
        if hasScope { pen.append(packetContext) }
    }

    @inline(__always)
    mutating func endEvent() {
        pen.append(0x0A)
    }

    @inline(__always)
    mutating func beginScope(_ scope: FieldScope) {
        scopeStart = pen.count
        if hasScope { pen.appendLiteral(", ") }
        append(scopes[Int(scope.rawValue)])
        isFirst = true
    }

    @inline(__always)
    mutating func endScope(_ scope: FieldScope) {
        if _slowPath(dropsEmptyScope && isFirst) {
            pen.position = pen.base + scopeStart
            return
        }
        pen.appendLiteral(" }")
        hasScope = true
    }

    // MARK: Compound values

    @inline(__always)
    mutating func beginStructure(_ field: FieldID) {
        lead(fields[Int(field.rawValue)])
        isFirst = true
    }

    @inline(__always)
    mutating func endStructure(_ field: FieldID) {
        pen.appendLiteral(" }")
        isFirst = false
    }

    @inline(__always)
    mutating func beginArray(_ field: FieldID, count: Int) {
        lead(fields[Int(field.rawValue)])
        isFirst = true
        arrayDepth += 1
        indexes[arrayDepth] = 0
    }

    @inline(__always)
    mutating func endArray(_ field: FieldID) {
        pen.appendLiteral(" ]")
        isFirst = false
        arrayDepth -= 1
    }

    @inline(__always)
    mutating func beginVariant(_ field: FieldID, option: Int) {
        lead(fields[Int(field.rawValue)])
        isFirst = true
    }

    @inline(__always)
    mutating func endVariant(_ field: FieldID) {
        pen.appendLiteral(" }")
        isFirst = false
    }

    mutating func beginOptional(_ field: FieldID, isPresent: Bool) {
        lead(fields[Int(field.rawValue)])
        if isPresent { pen.append(0x7B) } else { pen.appendLiteral("<none>") }
        isFirst = isPresent
        isAbsent = !isPresent
    }

    mutating func endOptional(_ field: FieldID) {
        // An absent value has ended already: nothing stands behind its `<none>`.
        if !isAbsent { pen.appendLiteral(" }") }
        isAbsent = false
        isFirst = false
    }

    // MARK: Values

    @inline(__always)
    mutating func unsigned(_ value: UInt64, _ field: FieldID) {
        let prepared = fields[Int(field.rawValue)]
        lead(prepared)
        if prepared.enumeration < 0, prepared.form == .decimal {
            pen.appendDecimal(value)
        } else {
            appendSpecial(value, isSigned: false, prepared)
        }
    }

    @inline(__always)
    mutating func signed(_ value: Int64, _ field: FieldID) {
        let prepared = fields[Int(field.rawValue)]
        lead(prepared)
        if prepared.enumeration < 0, prepared.form == .decimal {
            pen.appendDecimal(value)
        } else {
            appendSpecial(UInt64(bitPattern: value), isSigned: true, prepared)
        }
    }

    mutating func float(_ value: Float, _ field: FieldID) {
        lead(fields[Int(field.rawValue)])
        pen.appendGeneral(Double(value))
    }

    mutating func double(_ value: Double, _ field: FieldID) {
        lead(fields[Int(field.rawValue)])
        pen.appendGeneral(value)
    }

    @inline(__always)
    mutating func text(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {
        let prepared = fields[Int(field.rawValue)]
        lead(prepared)
        if _slowPath(prepared.encoding.unitBytes > 1) {
            appendWide(bytes, prepared.encoding)
        } else {
            TextEscapes.append(bytes, to: &pen)
        }
        pen.append(0x22)
    }

    /// ` 0x12, 0x34 }`, as a structure of bytes.
    mutating func blob(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {
        lead(fields[Int(field.rawValue)])
        for (index, byte) in bytes.enumerated() {
            if index == 0 { pen.append(0x20) } else { pen.appendLiteral(", ") }
            pen.appendLiteral("0x")
            pen.append(TextEscapes.hexadecimalDigit(byte >> 4))
            pen.append(TextEscapes.hexadecimalDigit(byte & 15))
        }
        pen.appendLiteral(" }")
    }

    @inline(never)
    private mutating func appendWide(_ bytes: UnsafeRawBufferPointer, _ encoding: TextEncoding) {
        WideText(bytes, encoding: encoding).forEachUTF8 { TextEscapes.append($0, to: &pen) }
    }

    // MARK: Parts

    @inline(__always)
    private mutating func append(_ literal: LiteralArena.Literal) {
        pen.appendPadded(literals + Int(literal.offset), count: Int(literal.count))
    }

    /// What comes before a value.
    @inline(__always)
    private mutating func lead(_ field: TextProgram.Field) {
        if _slowPath(field.isIndexed) { return leadElement(field) }
        let skip = isFirst ? 1 : 0
        isFirst = false
        pen.appendPadded(literals + Int(field.lead.offset) + skip, count: Int(field.lead.count) - skip)
    }

    @inline(never)
    private mutating func leadElement(_ field: TextProgram.Field) {
        let index = indexes[arrayDepth]
        indexes[arrayDepth] = index &+ 1
        if index != 0 { pen.appendLiteral(", [") } else { pen.appendLiteral(" [") }
        pen.appendDecimal(index)
        pen.appendLiteral("] = ")
        isFirst = false
        append(field.lead)
    }

    /// An enumeration, or an integer of another base than ten.
    @inline(never)
    private mutating func appendSpecial(_ bits: UInt64, isSigned: Bool, _ field: TextProgram.Field) {
        guard field.enumeration >= 0 else { return appendInteger(bits, isSigned: isSigned, field) }
        let labels = enumerations[Int(field.enumeration)]
        var last = -1
        if let label = labels.nextLabel(of: bits, after: &last) {
            append(label)
            while let label = labels.nextLabel(of: bits, after: &last) {
                pen.appendLiteral(", ")
                append(label)
            }
        } else {
            pen.appendLiteral("<unknown>")
        }
        pen.appendLiteral(" : container = ")
        appendInteger(bits, isSigned: isSigned, field)
        pen.appendLiteral(" )")
    }

    /// Binary shows all bits of the field; octal and hexadecimal as many digits as a negative number's bits need.
    private mutating func appendInteger(_ bits: UInt64, isSigned: Bool, _ field: TextProgram.Field) {
        let sizeBits = Int(field.sizeBits)
        switch field.form {
        case .decimal:
            if isSigned { pen.appendDecimal(Int64(bitPattern: bits)) } else { pen.appendDecimal(bits) }
        case .binary:
            pen.appendLiteral("0b")
            pen.append(bits, bitsPerDigit: 1, digits: sizeBits)
        case .octal:
            pen.appendLiteral("0")
            pen.append(Self.truncated(bits, toBits: (sizeBits + 2) / 3 * 3), bitsPerDigit: 3)
        case .hexadecimal:
            pen.appendLiteral("0x")
            pen.append(Self.truncated(bits, toBits: (sizeBits + 3) / 4 * 4), bitsPerDigit: 4)
        case .boolean:
            pen.appendLiteral(bits == 0 ? "false" : "true")
        }
    }

    private static func truncated(_ bits: UInt64, toBits sizeBits: Int) -> UInt64 {
        sizeBits >= 64 ? bits : bits & (1 << UInt64(sizeBits) - 1)
    }
}
