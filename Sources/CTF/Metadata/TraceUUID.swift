/// A trace's or a clock's UUID: 16 bytes, ordered as `memcmp` orders them (babeltrace2's first tie-break).
@usableFromInline
package struct TraceUUID: Hashable, Sendable, BitwiseCopyable, Comparable {
    /// The first eight bytes, as a big-endian number.
    @usableFromInline package let high: UInt64
    /// The last eight bytes, as a big-endian number.
    @usableFromInline package let low: UInt64

    @inlinable
    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    @inlinable
    package static func < (left: TraceUUID, right: TraceUUID) -> Bool {
        left.high != right.high ? left.high < right.high : left.low < right.low
    }
}

extension TraceUUID: CustomStringConvertible {
    /// The canonical form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`.
    @usableFromInline package var description: String {
        var text = ""
        for index in 0..<16 {
            let word = index < 8 ? high : low
            let byte = UInt8(truncatingIfNeeded: word >> UInt64(56 - (index % 8) * 8))
            if index == 4 || index == 6 || index == 8 || index == 10 { text += "-" }
            text += byte < 16 ? "0" + String(byte, radix: 16) : String(byte, radix: 16)
        }
        return text
    }
}
