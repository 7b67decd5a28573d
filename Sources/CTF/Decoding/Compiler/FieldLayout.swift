/// How a field lies in a packet, as far as its class alone says.
struct FieldLayout {
    /// Where it may begin: a power of two.
    var alignmentBits: UInt64 = 1
    /// The least bits that it takes.
    var minimumBits: UInt64 = 0
    /// The bits that it always takes when it begins at a multiple of its alignment; nil when bytes decide.
    var fixedBits: UInt64?
    /// How many more fields it has than bits, itself counted, on the way through it where there are most; 0 or less
    /// where the bits outweigh the fields. What is in the elements of arrays is not counted.
    var idleFields = 1

    /// More bits than any packet has; sums of a few such still fit in 64 bits.
    static let endless: UInt64 = 1 << 61

    static func sum(_ left: UInt64, _ right: UInt64) -> UInt64 {
        min(left + right, endless)
    }

    static func product(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let (product, overflow) = left.multipliedReportingOverflow(by: right)
        return overflow ? endless : min(product, endless)
    }

    /// `position` moved up to a multiple of `alignmentBits`.
    static func aligned(_ position: UInt64, to alignmentBits: UInt64) -> UInt64 {
        min((position + alignmentBits - 1) & ~(alignmentBits - 1), endless)
    }

    /// What a number of bits takes from `idleFields`; bounded, so that sums of as many as a trace has fields fit.
    static func idleFields(minus bits: UInt64) -> Int {
        1 - Int(min(bits, 1 << 32))
    }

    /// From one element to the next, in an array of fields of this layout; nil when bytes decide.
    var strideBits: UInt64? {
        fixedBits.map { Self.aligned($0, to: alignmentBits) }
    }

    /// The bits of an array of `count` elements of this layout, which has `fixedBits`.
    func fixedBits(count: UInt64) -> UInt64 {
        guard let fixedBits, let strideBits, count > 0 else { return 0 }
        return Self.sum(Self.product(count - 1, strideBits), fixedBits)
    }
}

extension FieldLayout {
    /// Bytes; nil when their number is not known.
    init(bytes count: UInt64?) {
        alignmentBits = 8
        fixedBits = count.map { Self.product($0, 8) }
        minimumBits = fixedBits ?? 0
        idleFields = Self.idleFields(minus: minimumBits)
    }

    /// A structure: its members one after the other, each at its alignment.
    init(structureOf members: some Sequence<FieldLayout>, minimumAlignmentBits: UInt64) {
        alignmentBits = minimumAlignmentBits
        var end: UInt64? = 0
        for member in members {
            alignmentBits = max(alignmentBits, member.alignmentBits)
            minimumBits = Self.sum(minimumBits, member.minimumBits)
            idleFields += member.idleFields
            end = end.flatMap { end in
                // The structure is aligned at least as its members are, so distances from its start decide.
                member.fixedBits.map { Self.sum(Self.aligned(end, to: member.alignmentBits), $0) }
            }
        }
        fixedBits = end
    }
}

/// What is known of a position when a program is compiled: its remainder by a power of two.
struct Phase: Equatable {
    var modulusBits: UInt64
    var remainderBits: UInt64

    /// Any position.
    static let unknown = Phase(modulusBits: 1, remainderBits: 0)
    /// The packet's start: a multiple of every alignment.
    static let packetStart = aligned(to: 1 << 40)

    static func aligned(to alignmentBits: UInt64) -> Phase {
        Phase(modulusBits: alignmentBits, remainderBits: 0)
    }

    var isAtByte: Bool { modulusBits >= 8 && remainderBits & 7 == 0 }

    /// The padding before a field of this alignment; nil when only the position at run time tells.
    func padding(to alignmentBits: UInt64) -> UInt64? {
        guard modulusBits >= alignmentBits else { return nil }
        return (0 &- remainderBits) & (alignmentBits - 1)
    }

    mutating func advance(_ bits: UInt64) {
        // Modulo 2^64 is as good as any: the modulus divides it.
        remainderBits = (remainderBits &+ bits) & (modulusBits - 1)
    }

    /// After an unknown number of steps of `strideBits`.
    func stepping(by strideBits: UInt64) -> Phase {
        guard strideBits != 0 else { return self }
        let modulus = min(modulusBits, strideBits & (0 &- strideBits))
        return Phase(modulusBits: modulus, remainderBits: remainderBits & (modulus - 1))
    }

    /// What holds for both.
    func joined(_ other: Phase) -> Phase {
        var modulus = min(modulusBits, other.modulusBits)
        let difference = (remainderBits ^ other.remainderBits) & (modulus - 1)
        if difference != 0 { modulus = difference & (0 &- difference) }
        return Phase(modulusBits: modulus, remainderBits: remainderBits & (modulus - 1))
    }
}
