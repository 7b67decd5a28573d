/// Event headers: the two of LTTng are read by hand, all others by their programs.
extension ProgramMachine {
    /// Reads an event's header: moves behind it, updates the clock, and leaves the event class's id in `eventID`.
    @inlinable @inline(always)
    mutating func readHeader(_ stream: StreamEntry) -> Bool {
        eventID = 0
        switch stream.headerShape {
        case .compact: return readCompactHeader(isBigEndian: stream.headerIsBigEndian)
        case .large: return readLargeHeader(isBigEndian: stream.headerIsBigEndian)
        case .generic: return runUnseen(stream.headerStart)
        }
    }

    @inlinable @inline(always)
    mutating func readCompactHeader(isBigEndian: Bool) -> Bool {
        let start = (positionBits &+ 7) & ~7
        guard start &+ 32 <= limitBits else { return lack(start &+ 32, .beyondContent, value: start &+ 32) }
        let word = reader.load(UInt32.self, at: start, isBigEndian: isBigEndian)
        let id = UInt64(isBigEndian ? word &>> 27 : word & 31)
        guard id != 31 else { return readExtendedHeader(at: start &+ 8, isBigEndian: isBigEndian) }
        eventID = id
        updateClock(UInt64(isBigEndian ? word & 0x7FF_FFFF : word &>> 5), size: 27)
        positionBits = start &+ 32
        return true
    }

    @inlinable @inline(always)
    mutating func readLargeHeader(isBigEndian: Bool) -> Bool {
        let start = (positionBits &+ 7) & ~7
        guard start &+ 48 <= limitBits else { return lack(start &+ 48, .beyondContent, value: start &+ 48) }
        let id = UInt64(reader.load(UInt16.self, at: start, isBigEndian: isBigEndian))
        guard id != 0xFFFF else { return readExtendedHeader(at: start &+ 16, isBigEndian: isBigEndian) }
        eventID = id
        updateClock(UInt64(reader.load(UInt32.self, at: start &+ 16, isBigEndian: isBigEndian)), size: 32)
        positionBits = start &+ 48
        return true
    }

    /// 32 bits of id and 64 of time.
    @inlinable @inline(always)
    mutating func readExtendedHeader(at start: UInt64, isBigEndian: Bool) -> Bool {
        guard start &+ 96 <= limitBits else { return lack(start &+ 96, .beyondContent, value: start &+ 96) }
        eventID = UInt64(reader.load(UInt32.self, at: start, isBigEndian: isBigEndian))
        clockCycles = reader.load(UInt64.self, at: start &+ 32, isBigEndian: isBigEndian)
        positionBits = start &+ 96
        return true
    }
}
