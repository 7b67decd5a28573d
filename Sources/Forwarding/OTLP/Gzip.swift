/// Bytes in the format of gzip (RFC 1952), compressed as RFC 1951 says: one block with its fixed codes.
///
/// What came within the last 32 KiB is pointed at, found by a table of three-byte beginnings that remembers the last
/// place of each: a little worse than what looks further, and simple. Never longer than the input by more than an
/// eighth and some bytes. O(bytes).
struct Gzip {
    private static let windowBytes = 32 << 10
    private static let lengths = 3...258
    private static let hashBits = 15

    static func compress(_ input: [UInt8]) -> [UInt8] {
        var output: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]
        output.reserveCapacity(input.count / 3 + 64)
        var bits = BitWriter(output)
        bits.write(0b011, count: 3)  // the last block, fixed codes
        input.withUnsafeBufferPointer { deflate($0, into: &bits) }
        bits.literal(256)
        bits.flush()
        output = bits.bytes
        for number in [CRC32.checksum(input), UInt32(truncatingIfNeeded: input.count)] {
            for shift in stride(from: 0, to: 32, by: 8) { output.append(UInt8(truncatingIfNeeded: number >> shift)) }
        }
        return output
    }

    private static func deflate(_ input: UnsafeBufferPointer<UInt8>, into bits: inout BitWriter) {
        // The last place of each hash, plus one; 0: none.
        var places = [Int](repeating: 0, count: 1 << hashBits)
        var position = 0
        while position < input.count {
            var length = 0
            var distance = 0
            if position + 2 < input.count {
                let slot = hash(input, position)
                let candidate = places[slot] - 1
                places[slot] = position + 1
                if candidate >= 0, position - candidate <= windowBytes {
                    length = match(input, candidate, position)
                    distance = position - candidate
                }
            }
            guard length >= lengths.lowerBound else {
                bits.literal(Int(input[position]))
                position += 1
                continue
            }
            bits.match(length: length, distance: distance)
            // Every other place of a long match is enough to be found again.
            for place in stride(from: position + 1, to: min(position + length, input.count - 2), by: 2) {
                places[hash(input, place)] = place + 1
            }
            position += length
        }
    }

    private static func hash(_ input: UnsafeBufferPointer<UInt8>, _ position: Int) -> Int {
        let bytes = UInt32(input[position]) | UInt32(input[position + 1]) << 8 | UInt32(input[position + 2]) << 16
        // A multiplication that spreads them over the upper bits: what overflows is not wanted.
        return Int((bytes &* 0x9E37_79B1) >> UInt32(32 - hashBits))
    }

    private static func match(_ input: UnsafeBufferPointer<UInt8>, _ candidate: Int, _ position: Int) -> Int {
        let limit = min(lengths.upperBound, input.count - position)
        var length = 0
        while length < limit, input[candidate + length] == input[position + length] { length += 1 }
        return length
    }
}

/// Bits from the lowest of each byte on.
private struct BitWriter {
    var bytes: [UInt8]
    private var pending: UInt64 = 0
    private var pendingBits: UInt64 = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func write(_ value: UInt32, count: Int) {
        pending |= UInt64(value) << pendingBits
        pendingBits += UInt64(count)
        while pendingBits >= 8 {
            bytes.append(UInt8(truncatingIfNeeded: pending))
            pending >>= 8
            pendingBits -= 8
        }
    }

    mutating func flush() {
        if pendingBits > 0 { bytes.append(UInt8(truncatingIfNeeded: pending)) }
        (pending, pendingBits) = (0, 0)
    }

    /// A code, whose highest bit goes first.
    private mutating func code(_ value: UInt32, count: Int) {
        var reversed: UInt32 = 0
        for bit in 0..<count where value >> UInt32(bit) & 1 == 1 { reversed |= 1 << UInt32(count - 1 - bit) }
        write(reversed, count: count)
    }

    /// RFC 1951, 3.2.6.
    mutating func literal(_ symbol: Int) {
        let symbol = UInt32(symbol)
        switch symbol {
        case 0...143: code(0x30 + symbol, count: 8)
        case 144...255: code(0x190 + symbol - 144, count: 9)
        case 256...279: code(symbol - 256, count: 7)
        default: code(0xC0 + symbol - 280, count: 8)
        }
    }

    /// RFC 1951, 3.2.5.
    mutating func match(length: Int, distance: Int) {
        let index = Self.lengthBases.lastIndex { $0 <= length } ?? 0
        literal(257 + index)
        write(UInt32(length - Self.lengthBases[index]), count: Self.lengthExtraBits(index))
        let place = Self.distanceBases.lastIndex { $0 <= distance } ?? 0
        code(UInt32(place), count: 5)
        write(UInt32(distance - Self.distanceBases[place]), count: max(place / 2 - 1, 0))
    }

    private static let lengthBases = [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227,
        258,
    ]
    private static func lengthExtraBits(_ index: Int) -> Int { index < 8 || index == 28 ? 0 : index / 4 - 1 }
    private static let distanceBases = [
        1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097,
        6145,
        8193, 12289, 16385, 24577,
    ]
}

/// The checksum of gzip.
enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
    }

    static func checksum(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(~0) { $0 >> 8 ^ table[Int(($0 ^ UInt32($1)) & 0xFF)] }
    }
}
