/// Reads one declaration of the top level: a recursive descent with one word of lookahead, `nestingMax` deep at most.
///
/// Types are looked up while reading, so a name must have been declared before it is used. Names live in the block that
/// declares them and hide those of the blocks around it.
struct TSDLParser {
    let limits: MetadataLimits
    private var lexer: TSDLLexer
    private(set) var token = TSDLToken(kind: .end, position: MetadataPosition())
    /// The innermost block is last; the first is that of the whole text.
    private(set) var scopes: [TSDLScope]
    /// What `MetadataLimits.declarationsMax` still allows.
    private(set) var declarationsLeft: Int
    /// Names that this declaration has given to types in the whole text.
    private(set) var declaredNames: [TSDLTypeName] = []
    private var depth = 0

    /// - Parameters:
    ///   - text: one declaration; lives longer than the parser.
    ///   - position: of its first byte.
    ///   - scope: the names that the text before has declared.
    init(
        _ text: UnsafeBufferPointer<UInt8>,
        at position: MetadataPosition,
        scope: consuming TSDLScope,
        declarationsLeft: Int,
        limits: MetadataLimits
    ) {
        self.limits = limits
        self.declarationsLeft = declarationsLeft
        lexer = TSDLLexer(text, at: position, nameBytesMax: limits.nameBytesMax)
        scopes = [scope]
    }

    /// Reads the whole text.
    mutating func parse() throws(MetadataError) -> TSDLDeclaration {
        try advance()
        let declaration = try parseDeclaration()
        guard case .end = token.kind else { throw unexpected("the end of the declaration") }
        return declaration
    }

    private mutating func parseDeclaration() throws(MetadataError) -> TSDLDeclaration {
        // A semicolon alone declares nothing.
        if try accept(.semicolon) { return .none }
        while isAt(word: "struct") || isAt(word: "variant") || isAt(word: "enum") {
            _ = try parseType()
            if try accept(.semicolon) { return .none }
            // Writers forget the semicolon behind a named type; the next declaration follows then.
            guard case .word = token.kind else { throw unexpected("`;`") }
        }
        let declaration: TSDLDeclaration
        let position = token.position
        switch token.kind {
        case .word("trace"):
            declaration = .trace(try parseTrace())
        case .word("env"):
            declaration = .environment(try parseEnvironment(), position)
        case .word("clock"):
            declaration = .clock(try parseClock(), position)
        case .word("stream"):
            declaration = .stream(try parseStream())
        case .word("event"):
            declaration = .event(try parseEvent())
        case .word("callsite"):
            try skipCallsite()
            declaration = .none
        case .word("typedef"), .word("typealias"):
            try parseTypeName()
            return .none
        default:
            throw unexpected("a declaration")
        }
        try expect(.semicolon)
        return declaration
    }

    // MARK: - Words

    mutating func advance() throws(MetadataError) {
        token = try lexer.next()
    }

    func unexpected(_ expected: String) -> MetadataError {
        if case .end = token.kind { return MetadataError(.unexpectedEnd, at: token.position, "expected \(expected)") }
        return MetadataError(.unexpectedToken, at: token.position, "expected \(expected), found \(token.shown)")
    }

    func isAt(_ symbol: TSDLToken.Symbol) -> Bool {
        token.kind == .symbol(symbol)
    }

    func isAt(word: String) -> Bool {
        token.kind == .word(word)
    }

    /// Takes `symbol` if it is next.
    mutating func accept(_ symbol: TSDLToken.Symbol) throws(MetadataError) -> Bool {
        guard isAt(symbol) else { return false }
        try advance()
        return true
    }

    mutating func expect(_ symbol: TSDLToken.Symbol) throws(MetadataError) {
        guard isAt(symbol) else { throw unexpected("`\(symbol.rawValue)`") }
        try advance()
    }

    mutating func takeWord(_ expected: String) throws(MetadataError) -> String {
        guard case .word(let word) = token.kind else { throw unexpected(expected) }
        try advance()
        return word
    }

    /// A name, and the names behind it that are joined by dots.
    mutating func takePath() throws(MetadataError) -> [String] {
        var names = [try takeWord("a name")]
        while try accept(.dot) {
            guard names.count < limits.nestingMax else {
                throw MetadataError(.nestedTooDeeply, at: token.position)
            }
            names.append(try takeWord("a name"))
        }
        return names
    }

    /// An integer with an optional sign.
    mutating func takeInteger() throws(MetadataError) -> TSDLNumber {
        let position = token.position
        var isNegative = false
        if try accept(.minus) {
            isNegative = true
        } else {
            _ = try accept(.plus)
        }
        guard case .integer(let magnitude) = token.kind else { throw unexpected("an integer") }
        try advance()
        guard !isNegative || magnitude <= Int64.min.magnitude else {
            throw MetadataError(.numberTooLarge, at: position)
        }
        return TSDLNumber(magnitude: magnitude, isNegative: isNegative && magnitude > 0)
    }

    /// Reads what an `env` block holds, whose strings follow another rule.
    mutating func withEnvironmentStrings<Result>(
        _ body: (inout TSDLParser) throws(MetadataError) -> Result
    ) throws(MetadataError) -> Result {
        lexer.isInEnvironment = true
        defer { lexer.isInEnvironment = false }
        return try body(&self)
    }

    // MARK: - Bounds and scopes

    /// Counts something that the text declares.
    mutating func charge(_ count: Int = 1) throws(MetadataError) {
        guard count <= declarationsLeft else { throw MetadataError(.tooManyDeclarations, at: token.position) }
        declarationsLeft -= count
    }

    /// Reads a part of the text that may hold others of its kind.
    mutating func nested<Result>(
        _ body: (inout TSDLParser) throws(MetadataError) -> Result
    ) throws(MetadataError) -> Result {
        guard depth < limits.nestingMax else { throw MetadataError(.nestedTooDeeply, at: token.position) }
        depth += 1
        defer { depth -= 1 }
        return try body(&self)
    }

    /// Reads a block that has names of its own.
    mutating func inScope<Result>(
        _ body: (inout TSDLParser) throws(MetadataError) -> Result
    ) throws(MetadataError) -> Result {
        scopes.append(TSDLScope())
        defer { scopes.removeLast() }
        return try body(&self)
    }

    /// The type of that name in the innermost block that declares it.
    func find(_ name: TSDLTypeName, at position: MetadataPosition) throws(MetadataError) -> TSDLType {
        for scope in scopes.reversed() {
            if let type = scope[name] { return type }
        }
        throw MetadataError(.unknownType, at: position, "`\(name.shown)`", missing: .type(name.shown))
    }

    /// Gives `type` a name in the innermost block.
    mutating func declare(
        _ name: TSDLTypeName,
        _ type: TSDLType,
        at position: MetadataPosition
    ) throws(MetadataError) {
        try charge()
        guard scopes[scopes.count - 1][name] == nil else {
            throw MetadataError(.duplicateDeclaration, at: position, "type `\(name.name)`")
        }
        scopes[scopes.count - 1][name] = type
        if scopes.count == 1 { declaredNames.append(name) }
    }

    /// Takes the names back that the declaration has given: it has to be read again.
    mutating func withdrawNames() {
        for name in declaredNames { scopes[0][name] = nil }
    }

    /// Takes the names of the whole text back out, to be given to the parser of the next declaration.
    consuming func takeScope() -> TSDLScope {
        scopes[0]
    }
}

/// A number with its sign.
struct TSDLNumber: Sendable, Equatable {
    var magnitude: UInt64
    /// Only where `magnitude` is not 0; it is 2^63 at most then.
    var isNegative: Bool

    /// The two's complement.
    var bits: UInt64 { isNegative ? ~magnitude &+ 1 : magnitude }

    var unsigned: UInt64? { isNegative ? nil : magnitude }

    var signed: Int64? {
        isNegative ? Int64(bitPattern: bits) : Int64(exactly: magnitude)
    }

    static func <= (left: TSDLNumber, right: TSDLNumber) -> Bool {
        switch (left.isNegative, right.isNegative) {
        case (true, true): left.magnitude >= right.magnitude
        case (true, false): true
        case (false, true): false
        case (false, false): left.magnitude <= right.magnitude
        }
    }
}
