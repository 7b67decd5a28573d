/// Types: structures, variants, arrays, and the names of types.
extension TSDLParser {
    /// A type where no name can follow it that is not part of it.
    mutating func parseType() throws(MetadataError) -> TSDLType {
        let (type, words) = try parseTypeOrWords()
        return if let type { type } else { try findAlias(words[...]) }
    }

    /// A type; or the words at this place, of which the last ones may be the name of a member.
    private mutating func parseTypeOrWords() throws(MetadataError) -> (TSDLType?, [TSDLToken]) {
        guard case .word(let word) = token.kind else { throw unexpected("a type") }
        switch word {
        case "integer":
            try advance()
            return (TSDLType(.integer(try parseIntegerBody())), [])
        case "floating_point":
            try advance()
            return (TSDLType(try parseFloatBody()), [])
        case "string":
            try advance()
            return (TSDLType(.string(try parseStringBody())), [])
        case "struct":
            try advance()
            return (try nested { parser throws(MetadataError) in try parser.parseStructure() }, [])
        case "variant":
            try advance()
            return (try nested { parser throws(MetadataError) in try parser.parseVariant() }, [])
        case "enum":
            try advance()
            return (try nested { parser throws(MetadataError) in try parser.parseEnumeration() }, [])
        default:
            var words: [TSDLToken] = []
            while case .word = token.kind {
                guard words.count < 16 else { throw unexpected("a shorter type name") }
                words.append(token)
                try advance()
            }
            return (nil, words)
        }
    }

    /// The type that words name.
    private func findAlias(_ words: ArraySlice<TSDLToken>) throws(MetadataError) -> TSDLType {
        guard let first = words.first else { throw unexpected("a type") }
        return try find(TSDLTypeName(.alias, Self.joined(words)), at: first.position)
    }

    private static func joined(_ words: ArraySlice<TSDLToken>) -> String {
        words.map { if case .word(let word) = $0.kind { word } else { "" } }.joined(separator: " ")
    }

    private func bounded(_ kind: TSDLType.Kind, at position: MetadataPosition) throws(MetadataError) -> TSDLType {
        let type = TSDLType(kind)
        guard type.depth <= limits.nestingMax else { throw MetadataError(.nestedTooDeeply, at: position) }
        return type
    }

    // MARK: - Structures and variants

    private mutating func parseStructure() throws(MetadataError) -> TSDLType {
        let position = token.position
        let name: String? = if case .word(let word) = token.kind, word != "align" { word } else { nil }
        if name != nil { try advance() }
        guard isAt(.leftBrace) else {
            guard let name else { throw unexpected("`{`") }
            return try find(TSDLTypeName(.structure, name), at: position)
        }
        let members = try parseMembers()
        var alignment: UInt32 = 1
        if isAt(word: "align") {
            try advance()
            try expect(.leftParenthesis)
            let alignmentPosition = token.position
            let value = TSDLValue.integer(try takeInteger())
            alignment = try TSDLAttribute(name: "align", value: value, position: alignmentPosition).alignment()
            try expect(.rightParenthesis)
        }
        let type = try bounded(.structure(members, minimumAlignmentBits: alignment), at: position)
        if let name { try declare(TSDLTypeName(.structure, name), type, at: position) }
        return type
    }

    private mutating func parseVariant() throws(MetadataError) -> TSDLType {
        let position = token.position
        let name: String? = if case .word(let word) = token.kind { word } else { nil }
        if name != nil { try advance() }
        var tag: TSDLLocation?
        if try accept(.less) {
            let tagPosition = token.position
            tag = TSDLLocation(names: try takePath(), position: tagPosition)
            try expect(.greater)
        }
        let untagged: TSDLType
        if isAt(.leftBrace) {
            untagged = try bounded(.variant(try parseMembers(), tag: nil), at: position)
            if let name { try declare(TSDLTypeName(.variant, name), untagged, at: position) }
        } else {
            guard let name else { throw unexpected("`{`") }
            untagged = try find(TSDLTypeName(.variant, name), at: position)
        }
        guard let tag, case .variant(let options, _) = untagged.kind else { return untagged }
        return TSDLType(.variant(options, tag: tag))
    }

    private mutating func parseMembers() throws(MetadataError) -> TSDLMembers {
        try inScope { parser throws(MetadataError) in
            var members = TSDLMembers()
            try parser.expect(.leftBrace)
            while try !parser.accept(.rightBrace) {
                if parser.isAt(word: "typedef") || parser.isAt(word: "typealias") {
                    try parser.parseTypeName()
                } else {
                    try parser.parseMember(into: &members)
                }
            }
            return members
        }
    }

    private mutating func parseMember(into members: inout TSDLMembers) throws(MetadataError) {
        let declares = isAt(word: "struct") || isAt(word: "variant") || isAt(word: "enum")
        let (type, words) = try parseTypeOrWords()
        // A type with a body may stand alone, to be named only.
        if type != nil, declares, try accept(.semicolon) { return }
        for declarator in try parseDeclarators(of: type, words) {
            try charge()
            guard members.list.count < limits.membersMax else {
                throw MetadataError(.tooManyFields, at: declarator.position)
            }
            guard members.append(name: declarator.name, declarator.type) else {
                throw MetadataError(.duplicateName, at: declarator.position, "member `\(declarator.name)`")
            }
        }
        try expect(.semicolon)
    }

    // MARK: - Declarators and arrays

    private struct Declarator {
        var name: String
        var type: TSDLType
        var position: MetadataPosition
    }

    /// The names behind a type, each with the lengths of its arrays.
    /// - Parameter words: where the type is not known yet, its name and the first declarator's.
    private mutating func parseDeclarators(
        of type: TSDLType?,
        _ words: [TSDLToken]
    ) throws(MetadataError) -> [Declarator] {
        var declarators: [Declarator] = []
        var base = type
        repeat {
            guard declarators.count < limits.membersMax else {
                throw MetadataError(.tooManyFields, at: token.position)
            }
            let position: MetadataPosition
            let name: String
            if base == nil {
                guard let last = words.last, case .word(let word) = last.kind, !TSDLWord.typeWords.contains(word),
                    words.count > 1
                else { throw unexpected("a name") }
                base = try findAlias(words.dropLast())
                (name, position) = (word, last.position)
            } else {
                position = token.position
                name = try takeWord("a name")
            }
            guard let base else { throw unexpected("a type") }
            declarators.append(Declarator(name: name, type: try parseLengths(of: base), position: position))
        } while try accept(.comma)
        return declarators
    }

    /// `[length]` as often as it stands; the first one is the outermost array's.
    private mutating func parseLengths(of element: TSDLType) throws(MetadataError) -> TSDLType {
        let position = token.position
        var lengths: [TSDLLength] = []
        while try accept(.leftBracket) {
            guard lengths.count < limits.nestingMax else { throw MetadataError(.nestedTooDeeply, at: position) }
            lengths.append(try parseLength())
            try expect(.rightBracket)
        }
        var type = element
        for length in lengths.reversed() {
            try charge()
            type = try bounded(.array(type, length: length), at: position)
        }
        return type
    }

    private mutating func parseLength() throws(MetadataError) -> TSDLLength {
        let position = token.position
        guard case .word = token.kind else {
            guard let length = try takeInteger().unsigned else {
                throw MetadataError(.attributeValueInvalid, at: position, "array length")
            }
            guard length <= limits.arrayLengthMax else { throw MetadataError(.arrayTooLong, at: position) }
            return .constant(length)
        }
        let names = try takePath()
        if names.count == 2, names[0] == "env" { return .environment(names[1], position) }
        return .field(TSDLLocation(names: names, position: position))
    }

    // MARK: - Names of types

    /// `typedef` or `typealias`, up to its semicolon.
    mutating func parseTypeName() throws(MetadataError) {
        if isAt(word: "typedef") {
            try advance()
            let (type, words) = try parseTypeOrWords()
            for declarator in try parseDeclarators(of: type, words) {
                try declareAlias(declarator.name, declarator.type, at: declarator.position)
            }
        } else {
            try advance()
            let type = try parseLengths(of: try parseType())
            try expect(.assignType)
            let position = token.position
            var words: [TSDLToken] = []
            while case .word = token.kind {
                guard words.count < 16 else { throw unexpected("a shorter type name") }
                words.append(token)
                try advance()
            }
            guard !words.isEmpty else { throw unexpected("a name") }
            try declareAlias(Self.joined(words[...]), type, at: position)
        }
        try expect(.semicolon)
    }

    private mutating func declareAlias(
        _ name: String,
        _ type: TSDLType,
        at position: MetadataPosition
    ) throws(MetadataError) {
        guard !TSDLWord.reserved.contains(name) else {
            throw MetadataError(.reservedName, at: position, "`\(name)`")
        }
        try declare(TSDLTypeName(.alias, name), type, at: position)
    }
}
