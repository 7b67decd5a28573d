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

    /// By token: how many of the first tokens since the last star are also the last ones up to it. With it no byte of
    /// a text is looked at again (Knuth, Morris and Pratt).
    var borders: [UInt16] {
        var borders = [UInt16](repeating: 0, count: tokens.count)
        var start = 0
        for index in tokens.indices {
            if tokens[index] == Self.star {
                start = index + 1
            } else if index > start {
                var border = Int(borders[index - 1])
                while border > 0, tokens[start + border] != tokens[index] { border = Int(borders[start + border - 1]) }
                borders[index] = UInt16(tokens[start + border] == tokens[index] ? border + 1 : 0)
            }
        }
        return borders
    }

    /// What stands between stars is found where it is first; what stands before and behind them all has its place.
    /// - Parameters:
    ///   - pattern: tokens with a star.
    ///   - borders: as the property.
    /// - Complexity: O(pattern + text).
    static func matches(
        _ pattern: UnsafeBufferPointer<UInt16>,
        borders: UnsafePointer<UInt16>,
        _ text: UnsafeRawBufferPointer
    ) -> Bool {
        guard let first = pattern.firstIndex(of: star), let last = pattern.lastIndex(of: star) else { return false }
        let suffixCount = pattern.count - last - 1
        guard text.count >= first + suffixCount else { return false }
        let end = text.count - suffixCount
        for index in 0..<first where pattern[index] != UInt16(text[index]) { return false }
        for index in 0..<suffixCount where pattern[last + 1 + index] != UInt16(text[end + index]) { return false }
        var position = first
        var start = first + 1
        while start <= last {
            // Up to the next star, which is there.
            var found = 0
            while pattern[start + found] != star {
                guard position < end else { return false }
                let byte = UInt16(text[position])
                position += 1
                while found > 0, pattern[start + found] != byte { found = Int(borders[start + found - 1]) }
                if pattern[start + found] == byte { found += 1 }
            }
            start += found + 1
        }
        return true
    }
}
