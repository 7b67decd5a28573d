import PacketWriter

/// Changes inputs by chance, as a fuzzer does, the same way for the same seed.
package struct Mutator {
    private var random: SeededRandom
    private let corpus: [[UInt8]]
    private let bytesMax: Int

    /// - Parameters:
    ///   - corpus: what to begin with, at least one.
    ///   - bytesMax: of a result.
    package init(corpus: [[UInt8]], seed: UInt64, bytesMax: Int = 4096) {
        precondition(!corpus.isEmpty)
        self.corpus = corpus
        self.bytesMax = bytesMax
        random = SeededRandom(seed: seed)
    }

    /// The next input.
    package mutating func next() -> [UInt8] {
        var bytes = random.pick(corpus)
        for _ in 0..<Int.random(in: 1...5, using: &random) { mutate(&bytes) }
        return Array(bytes.prefix(bytesMax))
    }

    private mutating func mutate(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else {
            bytes = random.pick(corpus)
            return
        }
        let at = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<8, using: &random) {
        case 0: bytes[at] = .random(in: 0...255, using: &random)
        case 1: bytes[at] ^= 1 << UInt8.random(in: 0...7, using: &random)
        case 2: bytes[at] = random.pick([0, 1, 0x7F, 0x80, 0xFF, 0x20, 0x22, 0x30, 0x39, 0x5B, 0x7B, 0x7D])
        case 3: bytes.removeSubrange(piece(of: bytes, from: at))
        case 4: bytes.insert(contentsOf: bytes[piece(of: bytes, from: at)], at: at)
        case 5:
            let other = random.pick(corpus)
            guard !other.isEmpty else { return }
            let start = Int.random(in: 0..<other.count, using: &random)
            bytes.insert(contentsOf: other[piece(of: other, from: start)], at: at)
        case 6:
            let other = Int.random(in: 0..<bytes.count, using: &random)
            bytes.swapAt(at, other)
        default: bytes.removeSubrange(at...)
        }
    }

    /// Some bytes from `start` on: few, mostly.
    private mutating func piece(of bytes: [UInt8], from start: Int) -> Range<Int> {
        let count = random.once(in: 4) ? 200 : 12
        return start..<min(bytes.count, start + Int.random(in: 1...count, using: &random))
    }
}
