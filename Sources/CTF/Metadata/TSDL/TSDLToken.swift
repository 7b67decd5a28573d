/// A word of the text.
struct TSDLToken: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        /// A name or a keyword: which of the two depends on where it stands.
        case word(String)
        case string(String)
        /// A number without sign, or a character.
        case integer(UInt64)
        case symbol(Symbol)
        case end
    }

    enum Symbol: String, Sendable, Equatable {
        case leftBrace = "{"
        case rightBrace = "}"
        case leftBracket = "["
        case rightBracket = "]"
        case leftParenthesis = "("
        case rightParenthesis = ")"
        case less = "<"
        case greater = ">"
        case semicolon = ";"
        case comma = ","
        case equal = "="
        case colon = ":"
        case assignType = ":="
        case dot = "."
        case ellipsis = "..."
        case plus = "+"
        case minus = "-"
    }

    var kind: Kind
    var position: MetadataPosition

    /// The token as an error message shows it.
    var shown: String {
        switch kind {
        case .word(let word): "`\(word)`"
        case .string: "a string"
        case .integer(let value): "`\(value)`"
        case .symbol(let symbol): "`\(symbol.rawValue)`"
        case .end: "the end of the text"
        }
    }
}

/// Words with a meaning of their own, which cannot name types.
enum TSDLWord {
    /// The words that C's type names are made of; they may come several in a row.
    static let typeWords: Set<String> = [
        "void", "char", "short", "int", "long", "float", "double", "signed", "unsigned", "const",
        "_Bool", "_Complex", "_Imaginary",
    ]

    static let reserved: Set<String> = [
        "align", "callsite", "clock", "enum", "env", "event", "floating_point", "integer", "stream", "string", "struct",
        "trace", "typealias", "typedef", "variant",
    ]
}
