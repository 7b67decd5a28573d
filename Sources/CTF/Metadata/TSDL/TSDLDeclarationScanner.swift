/// Finds where the declarations of a growing text end, looking at each byte once.
///
/// A declaration of the top level ends with the semicolon that stands outside of braces, comments and literals. Only
/// declarations that are complete reach the lexer, so text may stop anywhere.
///
/// Strings of an `env` block need care: some tracers write quotation marks in them without a backslash. There a mark
/// ends the string only when the line or the entry ends behind it (`TSDLLexer` reads them by the same rule).
struct TSDLDeclarationScanner: DeclarationScanner {
    private enum State: Sendable, Equatable {
        case code
        case slash
        case lineComment
        case blockComment
        case blockCommentStar
        case literal(quote: UInt8)
        case literalEscape(quote: UInt8)
        /// After a quotation mark in an `env` block, and blanks behind it.
        case environmentQuote
    }

    private var state = State.code
    private var depth = 0
    /// How many letters of "env" the declaration has begun with; nil when it begins otherwise.
    private var environmentLetters: Int? = 0

    private var isInEnvironment: Bool { environmentLetters == 3 && depth == 1 }

    mutating func findEnd(of text: UnsafeBufferPointer<UInt8>, from offset: inout Int) -> ScanFinding {
        while offset < text.count {
            let byte = text[offset]
            offset += 1
            switch state {
            case .code:
                if scanCode(byte) { return .end }
            case .slash:
                state = byte == UInt8(ascii: "/") ? .lineComment : byte == UInt8(ascii: "*") ? .blockComment : .code
                if state == .code, scanCode(byte) { return .end }
            case .lineComment:
                if byte == UInt8(ascii: "\n") { state = .code }
            case .blockComment:
                if byte == UInt8(ascii: "*") { state = .blockCommentStar }
            case .blockCommentStar:
                if byte != UInt8(ascii: "*") { state = byte == UInt8(ascii: "/") ? .code : .blockComment }
            case .literal(let quote):
                scanLiteral(byte, quote: quote)
            case .literalEscape(let quote):
                state = .literal(quote: quote)
            case .environmentQuote:
                if byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") { continue }
                let ends = TSDLLexer.endsEnvironmentString(byte)
                state = ends ? .code : .literal(quote: UInt8(ascii: "\""))
                if ends {
                    if scanCode(byte) { return .end }
                } else {
                    scanLiteral(byte, quote: UInt8(ascii: "\""))
                }
            }
        }
        return .nothing
    }

    /// What comes next is taken for a declaration's beginning: nothing else could tell where one begins.
    mutating func resynchronise() {
        self = TSDLDeclarationScanner()
    }

    /// Returns whether the declaration ends.
    private mutating func scanCode(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "/"):
            state = .slash
        case UInt8(ascii: "\""), UInt8(ascii: "'"):
            state = .literal(quote: byte)
        case UInt8(ascii: "{"):
            depth += 1
        case UInt8(ascii: "}"):
            depth -= 1
        default:
            break
        }
        if (byte == UInt8(ascii: ";") && depth == 0) || depth < 0 {
            // A brace too many ends the declaration, too: no later text can make it right.
            self = TSDLDeclarationScanner()
            return true
        }
        if depth == 0 { matchEnvironment(byte) }
        return false
    }

    private mutating func scanLiteral(_ byte: UInt8, quote: UInt8) {
        if byte == UInt8(ascii: "\\") {
            state = .literalEscape(quote: quote)
        } else if byte == quote {
            state = isInEnvironment && quote == UInt8(ascii: "\"") ? .environmentQuote : .code
        }
    }

    private mutating func matchEnvironment(_ byte: UInt8) {
        guard let letters = environmentLetters, !TSDLLexer.isBlank(byte), byte != UInt8(ascii: "/") else { return }
        let word: StaticString = "env"
        if letters < 3, byte == word.utf8Start[letters] {
            environmentLetters = letters + 1
        } else {
            environmentLetters = nil
        }
    }
}
