/// A text of a filter, in which `*` may stand for any bytes.
struct FilterPattern: Sendable, Hashable {
    /// Any bytes, in `tokens`; all others are bytes themselves.
    static let star: UInt16 = 256

    private(set) var tokens: [UInt16] = []
    private(set) var hasStar = false

    init() {}

    /// The text itself: its stars are stars.
    init(exactly text: String) {
        tokens = text.utf8.map { UInt16($0) }
    }

    mutating func append(_ byte: UInt8) {
        tokens.append(UInt16(byte))
    }

    mutating func appendStar() {
        hasStar = true
        // Two are as good as one.
        if tokens.last != Self.star { tokens.append(Self.star) }
    }

    /// The bytes, where there is no star.
    var bytes: [UInt8] { tokens.map { UInt8(truncatingIfNeeded: $0) } }

    /// - Complexity: O(pattern x text) at worst, without recursion: only the last star is ever tried again.
    static func matches(_ pattern: UnsafeBufferPointer<UInt16>, _ text: UnsafeRawBufferPointer) -> Bool {
        var token = 0
        var position = 0
        var star: (token: Int, position: Int)?
        while position < text.count {
            if token < pattern.count, pattern[token] == Self.star {
                star = (token, position)
                token += 1
                // What a star at the end stands for need not be looked at.
                if token == pattern.count { return true }
            } else if token < pattern.count, pattern[token] == UInt16(text[position]) {
                token += 1
                position += 1
            } else if let last = star {
                star = (last.token, last.position + 1)
                token = last.token + 1
                position = last.position + 1
            } else {
                return false
            }
        }
        while token < pattern.count, pattern[token] == Self.star { token += 1 }
        return token == pattern.count
    }
}
