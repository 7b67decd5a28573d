import CTF
import PacketWriter
import Testing

/// Which labels a value has.
@Suite struct EnumerationLookupTests {
    private static func lookup<Result>(
        _ mappings: [EnumerationMapping],
        isSigned: Bool = false,
        _ body: (EnumerationLookup) -> Result
    ) -> Result {
        let lookup = EnumerationLookup(ProgramEnumeration(mappings: mappings, isSigned: isSigned))
        defer { lookup.deallocate() }
        return body(lookup)
    }

    private static func all(_ lookup: EnumerationLookup, _ bits: UInt64) -> [Int] {
        var found: [Int] = []
        while let next = lookup.mapping(of: bits, after: found.last ?? -1) { found.append(next) }
        return found
    }

    private static func range(_ lower: UInt64, _ upper: UInt64) -> IntegerRange {
        IntegerRange(lowerBits: lower, upperBits: upper)
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `a value has the labels whose ranges hold it, in order of declaration`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let isSigned = seed % 2 == 0
        let least: UInt64 = isSigned ? 1 << 63 : 0
        let edges = [0, 1, 2, 5, 9, 10, 11, 200, .max - 1, .max, 1 << 63, (1 << 63) - 1].map { $0 &+ least }
        let mappings = (0..<Int.random(in: 0...12, using: &random)).map { number in
            let ranges = (0..<Int.random(in: 0...3, using: &random)).map { _ in
                // Some have their bounds swapped: they hold nothing.
                let lower = random.pick(edges)
                return Self.range(lower, random.once(in: 3) ? lower : random.pick(edges))
            }
            return EnumerationMapping(label: "l\(number)", ranges: ranges)
        }
        Self.lookup(mappings, isSigned: isSigned) { lookup in
            for value in edges + [3, 8, 12, 100, 1000] {
                let expected = mappings.indices.filter { index in
                    mappings[index].ranges.contains { $0.contains(value, isSigned: isSigned) }
                }
                #expect(Self.all(lookup, value) == expected)
            }
        }
    }

    @Test func `many labels with an overlap are all found`() {
        let count = 5000
        var mappings = (0..<UInt64(count)).map { EnumerationMapping(label: "l\($0)", ranges: [Self.range($0, $0)]) }
        mappings.append(EnumerationMapping(label: "again", ranges: [Self.range(7, 7)]))
        Self.lookup(mappings) { lookup in
            for value in 0..<count {
                #expect(Self.all(lookup, UInt64(value)) == (value == 7 ? [7, count] : [value]))
            }
            #expect(Self.all(lookup, UInt64(count)).isEmpty)
        }
    }

    @Test func `ranges inside of each other take little memory`() {
        let count: UInt64 = 4096
        let mappings = (0..<count).map { number in
            EnumerationMapping(label: "l\(number)", ranges: [Self.range(number, 3 * count - number)])
        }
        Self.lookup(mappings) { lookup in
            #expect((Int(count)...2 * 14 * Int(count)).contains(lookup.noteCount))
            #expect(Self.all(lookup, 2) == [0, 1, 2])
            #expect(Self.all(lookup, 2 * count) == Array(0..<Int(count)))
        }
    }

    @Test func `labels without overlap are held once each`() {
        let mappings = (0..<100 as Range<UInt64>).map {
            EnumerationMapping(label: "l\($0)", ranges: [Self.range(2 * $0, 2 * $0 + 1)])
        }
        #expect(Self.lookup(mappings) { $0.noteCount } == 100)
    }
}
