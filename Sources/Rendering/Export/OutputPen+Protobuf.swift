/// Protobuf's wire format. As in the feed's frames, a message's length is written when its end is known, and its
/// content moves up where one byte is not enough for it.
extension OutputPen {
    @inline(__always)
    mutating func appendVarint(_ value: UInt64) {
        reserve(10)
        var rest = value
        while rest >= 0x80 {
            position.pointee = UInt8(truncatingIfNeeded: rest) | 0x80
            position += 1
            rest >>= 7
        }
        position.pointee = UInt8(truncatingIfNeeded: rest)
        position += 1
    }

    /// A member that is a number.
    @inline(__always)
    mutating func appendNumber(_ member: UInt64, _ value: UInt64) {
        appendVarint(member << 3)
        appendVarint(value)
    }

    /// A member that is a `double`.
    mutating func appendDouble(_ member: UInt64, _ value: Double) {
        appendVarint(member << 3 | 1)
        for shift in stride(from: UInt64(0), to: 64, by: 8) {
            append(UInt8(truncatingIfNeeded: value.bitPattern >> shift))
        }
    }

    /// A member that is a text.
    mutating func appendText(_ member: UInt64, _ text: String) {
        let start = openMessage(member)
        append(text)
        closeMessage(start)
    }

    /// Begins a member that is a message, or a text of unknown length. - Returns: what `closeMessage` wants.
    @inline(__always)
    mutating func openMessage(_ member: UInt64) -> Int {
        appendVarint(member << 3 | 2)
        append(0)
        return count
    }

    @inline(__always)
    mutating func closeMessage(_ start: Int) {
        let length = count - start
        if length < 0x80 { base[start - 1] = UInt8(truncatingIfNeeded: length) } else { widen(start, length) }
    }

    private mutating func widen(_ start: Int, _ length: Int) {
        let more = (Int.bitWidth - 1 - length.leadingZeroBitCount) / 7
        reserve(more)
        (base + start + more).update(from: base + start, count: length)
        let end = position + more
        position = base + start - 1
        appendVarint(UInt64(length))
        position = end
    }
}
