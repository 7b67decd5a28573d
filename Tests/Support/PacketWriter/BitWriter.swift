package import CTF

/// Writes integers bit by bit: slow, and plainly what CTF 1.8 (4.1.5) says.
package struct BitWriter: Sendable {
    package private(set) var bytes: [UInt8] = []
    package private(set) var positionBits = 0
    /// Which bits of the last byte are taken.
    private var lastOrder = ByteOrder.littleEndian

    package init() {}

    /// Pads with ones up to a multiple of `bits`: padding must not matter.
    package mutating func align(_ bits: Int) {
        while positionBits % bits != 0 {
            set(positionBits, true, fromHighBit: lastOrder == .bigEndian)
            positionBits += 1
        }
    }

    /// Writes the low `size` bits of `value`.
    package mutating func write(_ value: UInt64, size: Int, _ order: ByteOrder) {
        overwrite(at: positionBits, value, size: size, order)
        positionBits += size
        lastOrder = order
    }

    /// As above, with the last bit first where `isReversed`.
    package mutating func write(_ value: UInt64, size: Int, _ order: ByteOrder, isReversed: Bool) {
        let reversed = (0..<size).reduce(0) { $0 << 1 | value >> UInt64($1) & 1 }
        write(isReversed ? reversed : value, size: size, order)
    }

    /// Writes an integer of whatever form.
    package mutating func write(_ value: UInt64, _ integer: IntegerClass) {
        guard integer.isVariableLength else {
            write(value, size: Int(integer.sizeBits), integer.byteOrder, isReversed: integer.isReversed)
            return
        }
        var rest = value
        for index in 1...10 {
            let low = UInt8(rest & 0x7F)
            rest = integer.isSigned ? UInt64(bitPattern: Int64(bitPattern: rest) >> 7) : rest >> 7
            let isSignRight = !integer.isSigned || (low & 0x40 != 0) == (rest == .max)
            // Now and then longer than it need be.
            let isLast = (rest == 0 || integer.isSigned && rest == .max) && isSignRight && (value % 5 != 0 || index > 2)
            write([isLast || index == 10 ? low : low | 0x80])
            if isLast { return }
        }
    }

    package mutating func overwrite(at start: Int, _ value: UInt64, size: Int, _ order: ByteOrder) {
        for bit in 0..<size {
            switch order {
            case .littleEndian: set(start + bit, value >> UInt64(bit) & 1 == 1)
            case .bigEndian: set(start + bit, value >> UInt64(size - 1 - bit) & 1 == 1, fromHighBit: true)
            }
        }
    }

    /// Writes bytes at a byte.
    package mutating func write(_ text: [UInt8]) {
        for byte in text { write(UInt64(byte), size: 8, .littleEndian) }
    }

    private mutating func set(_ position: Int, _ isOne: Bool, fromHighBit: Bool = false) {
        while bytes.count * 8 <= position { bytes.append(0) }
        let mask: UInt8 = fromHighBit ? 0x80 >> UInt8(position % 8) : 1 << UInt8(position % 8)
        if isOne { bytes[position / 8] |= mask } else { bytes[position / 8] &= ~mask }
    }
}
