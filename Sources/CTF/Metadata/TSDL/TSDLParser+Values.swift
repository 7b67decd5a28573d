/// Integers, floats, strings and enumerations.
extension TSDLParser {
    mutating func takeValue() throws(MetadataError) -> TSDLValue {
        switch token.kind {
        case .string(let text):
            try advance()
            return .string(text)
        case .word:
            return .word(try takePath().joined(separator: "."))
        default:
            return .integer(try takeInteger())
        }
    }

    /// `{ name = value; … }`, if it stands here. Each attribute can be given once.
    private mutating func parseAttributes() throws(MetadataError) -> [TSDLAttribute] {
        var attributes: [TSDLAttribute] = []
        var names: Set<String> = []
        guard try accept(.leftBrace) else { return [] }
        while try !accept(.rightBrace) {
            try charge()
            let position = token.position
            let name = try takePath().joined(separator: ".")
            try expect(.equal)
            attributes.append(TSDLAttribute(name: name, value: try takeValue(), position: position))
            try expect(.semicolon)
            guard names.insert(name).inserted || !TSDLAttribute.known.contains(name) else {
                throw MetadataError(.duplicateAttribute, at: position, "`\(name)`")
            }
        }
        return attributes
    }

    // MARK: - Integers

    mutating func parseIntegerBody() throws(MetadataError) -> TSDLInteger {
        let position = token.position
        var integer = TSDLInteger()
        var alignment: UInt32?
        for attribute in try parseAttributes() {
            switch attribute.name {
            case "size":
                let size = try attribute.unsigned()
                guard (1...64).contains(size) else { throw attribute.invalid() }
                integer.sizeBits = UInt32(size)
            case "align":
                alignment = try attribute.alignment()
            case "signed":
                integer.isSigned = try attribute.boolean()
            case "byte_order":
                integer.byteOrder = try attribute.byteOrder()
            case "base":
                integer.displayBase = try attribute.displayBase()
            case "encoding":
                integer.encoding = try attribute.encoding()
            case "map":
                let parts = try attribute.text().split(separator: ".", omittingEmptySubsequences: false)
                // A mapping to anything else means nothing here.
                if parts.count == 3, parts[0] == "clock", parts[2] == "value" { integer.clockName = String(parts[1]) }
            default:
                break
            }
        }
        guard integer.sizeBits > 0 else { throw MetadataError(.attributeMissing, at: position, "`size`") }
        integer.alignmentBits = alignment ?? (integer.sizeBits % 8 == 0 ? 8 : 1)
        return integer
    }

    // MARK: - Floats and strings

    mutating func parseFloatBody() throws(MetadataError) -> TSDLType.Kind {
        let position = token.position
        var exponentBits: UInt64?
        var mantissaBits: UInt64?
        var alignment: UInt32?
        var order: ByteOrder?
        for attribute in try parseAttributes() {
            switch attribute.name {
            case "exp_dig":
                exponentBits = try attribute.unsigned()
            case "mant_dig":
                mantissaBits = try attribute.unsigned()
            case "align":
                alignment = try attribute.alignment()
            case "byte_order":
                order = try attribute.byteOrder()
            default:
                break
            }
        }
        guard let exponentBits, let mantissaBits else {
            throw MetadataError(.attributeMissing, at: position, "`exp_dig` or `mant_dig`")
        }
        switch (exponentBits, mantissaBits) {
        case (8, 24): return .float(sizeBits: 32, alignmentBits: alignment ?? 8, byteOrder: order)
        case (11, 53): return .float(sizeBits: 64, alignmentBits: alignment ?? 8, byteOrder: order)
        default: throw MetadataError(.attributeValueInvalid, at: position, "`exp_dig` and `mant_dig`")
        }
    }

    mutating func parseStringBody() throws(MetadataError) -> TextEncoding {
        var result = TextEncoding.utf8
        for attribute in try parseAttributes() where attribute.name == "encoding" {
            result = try attribute.encoding() ?? .utf8
        }
        return result
    }

    // MARK: - Enumerations

    mutating func parseEnumeration() throws(MetadataError) -> TSDLType {
        let position = token.position
        let name: String? = if case .word(let word) = token.kind { word } else { nil }
        if name != nil { try advance() }
        if let name, !isAt(.colon), !isAt(.leftBrace) {
            return try find(TSDLTypeName(.enumeration, name), at: position)
        }
        let integerPosition = token.position
        let hasType = try accept(.colon)
        let integerType = hasType ? try parseType() : try find(TSDLTypeName(.alias, "int"), at: integerPosition)
        guard case .integer(let integer) = integerType.kind else {
            throw MetadataError(.notAnInteger, at: integerPosition, "an enumeration's type")
        }
        let type = TSDLType(.enumeration(try parseLabels(of: integer)))
        if let name { try declare(TSDLTypeName(.enumeration, name), type, at: position) }
        return type
    }

    private mutating func parseLabels(of integer: TSDLInteger) throws(MetadataError) -> TSDLEnumeration {
        var enumeration = TSDLEnumeration(integer: integer, mappings: [], indexByLabel: [:])
        // The value that a label without one gets; nil when there is none left.
        var next: TSDLNumber? = TSDLNumber(magnitude: 0, isNegative: false)
        try expect(.leftBrace)
        while !isAt(.rightBrace) {
            try charge()
            let position = token.position
            let label: String
            if case .string(let text) = token.kind {
                label = text
                try advance()
            } else {
                label = try takeWord("a label")
            }
            let (lower, upper) = try parseRange(next, at: position)
            if let index = enumeration.indexByLabel[ExactText(label)] {
                enumeration.mappings[index].ranges.append(IntegerRange(lowerBits: lower.bits, upperBits: upper.bits))
            } else {
                enumeration.indexByLabel[ExactText(label)] = enumeration.mappings.count
                enumeration.mappings.append(
                    EnumerationMapping(
                        label: label,
                        ranges: [IntegerRange(lowerBits: lower.bits, upperBits: upper.bits)]
                    )
                )
            }
            next = upper.successor
            guard try accept(.comma) else { break }
        }
        guard !enumeration.mappings.isEmpty else { throw MetadataError(.enumerationEmpty, at: token.position) }
        try expect(.rightBrace)
        return enumeration
    }

    /// `= value`, `= lower ... upper`, or nothing.
    private mutating func parseRange(
        _ next: TSDLNumber?,
        at position: MetadataPosition
    ) throws(MetadataError) -> (TSDLNumber, TSDLNumber) {
        guard try accept(.equal) else {
            guard let next else { throw MetadataError(.numberTooLarge, at: position) }
            return (next, next)
        }
        let lower = try takeInteger()
        guard try accept(.ellipsis) else { return (lower, lower) }
        let upper = try takeInteger()
        guard lower <= upper else { throw MetadataError(.rangeInvalid, at: position) }
        return (lower, upper)
    }
}

extension TSDLNumber {
    /// The number after this one; nil when it does not fit.
    fileprivate var successor: TSDLNumber? {
        if isNegative { return TSDLNumber(magnitude: magnitude - 1, isNegative: magnitude > 1) }
        return magnitude == .max ? nil : TSDLNumber(magnitude: magnitude + 1, isNegative: false)
    }
}
