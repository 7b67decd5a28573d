/// A pattern over a whole string: `*` stands for any characters (also `/`), `?` for one, `\` before a character for
/// that character itself. Characters are Unicode scalars, and compared as they are.
package struct Glob: Sendable, Hashable {
    private enum Piece: Sendable, Hashable {
        case any
        case one
        case literal(Unicode.Scalar)
    }

    package let pattern: String
    private let pieces: [Piece]

    package init(_ pattern: String) {
        self.pattern = pattern
        var pieces: [Piece] = []
        var escaped = false
        for scalar in pattern.unicodeScalars {
            switch scalar {
            case _ where escaped:
                pieces.append(.literal(scalar))
                escaped = false
            case "\\": escaped = true
            case "*": if pieces.last != .any { pieces.append(.any) }
            case "?": pieces.append(.one)
            default: pieces.append(.literal(scalar))
            }
        }
        if escaped { pieces.append(.literal("\\")) }
        self.pieces = pieces
    }

    /// - Complexity: O(pattern × text) at worst, and without recursion: after a mismatch only the last `*` takes more.
    package func matches(_ text: String) -> Bool {
        let scalars = text.unicodeScalars
        var position = scalars.startIndex
        var piece = 0
        var lastAny: (piece: Int, position: String.Index)?
        while position < scalars.endIndex {
            if piece < pieces.count, pieces[piece] == .any {
                lastAny = (piece, position)
                piece += 1
            } else if piece < pieces.count, pieces[piece] == .one || pieces[piece] == .literal(scalars[position]) {
                piece += 1
                position = scalars.index(after: position)
            } else if let any = lastAny {
                position = scalars.index(after: any.position)
                lastAny = (any.piece, position)
                piece = any.piece + 1
            } else {
                return false
            }
        }
        return pieces[piece...].allSatisfy { $0 == .any }
    }
}
