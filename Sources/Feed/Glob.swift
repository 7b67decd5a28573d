/// Shell-like patterns over whole texts: `*` is any characters (also `/`), `?` is one, `\\` before a character means
/// that character, all others are themselves.
package enum Glob {
    private enum Token: Equatable {
        case anything
        case any
        case literal(Unicode.Scalar)

        func matches(_ scalar: Unicode.Scalar) -> Bool {
            self == .any || self == .literal(scalar)
        }
    }

    /// - Complexity: O(pattern x text), without recursion: only the last `*` is ever tried again.
    package static func matches(_ pattern: String, _ text: String) -> Bool {
        let tokens = tokens(of: pattern)
        let text = Array(text.unicodeScalars)
        var tokenIndex = 0
        var textIndex = 0
        var star: (token: Int, text: Int)?
        while textIndex < text.count {
            if tokenIndex < tokens.count, tokens[tokenIndex] == .anything {
                star = (tokenIndex, textIndex)
                tokenIndex += 1
            } else if tokenIndex < tokens.count, tokens[tokenIndex].matches(text[textIndex]) {
                tokenIndex += 1
                textIndex += 1
            } else if let last = star {
                star = (last.token, last.text + 1)
                tokenIndex = last.token + 1
                textIndex = last.text + 1
            } else {
                return false
            }
        }
        return tokens[tokenIndex...].allSatisfy { $0 == .anything }
    }

    private static func tokens(of pattern: String) -> [Token] {
        var tokens: [Token] = []
        var isEscaped = false
        for scalar in pattern.unicodeScalars {
            if isEscaped {
                tokens.append(.literal(scalar))
                isEscaped = false
                continue
            }
            switch scalar {
            case "*": tokens.append(.anything)
            case "?": tokens.append(.any)
            case "\\": isEscaped = true
            default: tokens.append(.literal(scalar))
            }
        }
        if isEscaped { tokens.append(.literal("\\")) }
        return tokens
    }
}
