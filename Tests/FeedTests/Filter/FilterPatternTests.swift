import PacketWriter
import Testing

@testable import Feed

@Suite struct FilterPatternTests {
    /// Patterns and texts of few different bytes, so that they nearly match: as the plainest matcher says.
    @Test func `stars match what they should, whatever repeats`() {
        var random = SeededRandom(seed: 5)
        var matched = 0
        for _ in 0..<20_000 {
            var pattern = FilterPattern()
            for _ in 0..<Int.random(in: 0...8, using: &random) {
                if random.once(in: 4) { pattern.appendStar() } else { pattern.append(random.once(in: 3) ? 0x62 : 0x61) }
            }
            pattern.appendStar()
            for _ in 0..<Int.random(in: 0...3, using: &random) { pattern.append(random.once(in: 3) ? 0x62 : 0x61) }
            let text = (0..<Int.random(in: 0...14, using: &random)).map { _ in
                UInt8(random.once(in: 3) ? 0x62 : 0x61)
            }
            let expected = Self.plainly(pattern.tokens[...], text[...])
            #expect(Self.matches(pattern, text) == expected, "\(pattern.tokens) \(text)")
            if expected { matched += 1 }
        }
        #expect((2_000...18_000).contains(matched))
    }

    @Test func `the work is as much as the text is long, not the product with the pattern`() {
        var pattern = FilterPattern()
        pattern.appendStar()
        for _ in 0..<4_000 { pattern.append(0x61) }
        pattern.append(0x62)
        pattern.appendStar()
        // As a product this would take hours.
        let text = [UInt8](repeating: 0x61, count: 4 << 20)
        #expect(!Self.matches(pattern, text))
        #expect(Self.matches(pattern, text + [0x62]))
    }

    private static func matches(_ pattern: FilterPattern, _ text: [UInt8]) -> Bool {
        (pattern.tokens + pattern.borders).withUnsafeBufferPointer { memory in
            text.withUnsafeBytes { FilterValue(pattern: memory).matches($0) }
        }
    }

    private static func plainly(_ pattern: ArraySlice<UInt16>, _ text: ArraySlice<UInt8>) -> Bool {
        guard let token = pattern.first else { return text.isEmpty }
        guard token == FilterPattern.star else {
            return text.first.map { UInt16($0) } == token && plainly(pattern.dropFirst(), text.dropFirst())
        }
        return (text.startIndex...text.endIndex).contains { plainly(pattern.dropFirst(), text[$0...]) }
    }
}
