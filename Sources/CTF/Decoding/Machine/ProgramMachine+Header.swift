/// Event headers: the two of LTTng are read by hand, all others by their programs.
extension ProgramMachine {
    /// Reads an event's header: moves behind it and updates the clock.
    /// - Parameter eventID: the event class's id.
    /// - Returns: false when the run has failed.
    @inlinable @inline(always)
    mutating func readHeader(_ stream: StreamEntry, _ eventID: inout UInt64) -> Bool {
        switch stream.headerShape {
        case .compact: return readCompactHeader(isBigEndian: stream.headerIsBigEndian, &eventID)
        case .large: return readLargeHeader(isBigEndian: stream.headerIsBigEndian, &eventID)
        case .generic: return readGenericHeader(stream.headerStart, &eventID)
        }
    }

    @inlinable @inline(always)
    mutating func readCompactHeader(isBigEndian: Bool, _ eventID: inout UInt64) -> Bool {
        let start = (positionBits &+ 7) & ~7
        guard start &+ 32 <= limitBits else { return lack(start &+ 32, .beyondContent, value: start &+ 32) }
        let word = reader.load(UInt32.self, at: start, isBigEndian: isBigEndian)
        let id = UInt64(isBigEndian ? word &>> 27 : word & 31)
        guard id != 31 else { return readExtendedHeader(at: start &+ 8, isBigEndian: isBigEndian, &eventID) }
        eventID = id
        updateClock(UInt64(isBigEndian ? word & 0x7FF_FFFF : word &>> 5), size: 27)
        positionBits = start &+ 32
        return true
    }

    @inlinable @inline(always)
    mutating func readLargeHeader(isBigEndian: Bool, _ eventID: inout UInt64) -> Bool {
        let start = (positionBits &+ 7) & ~7
        guard start &+ 48 <= limitBits else { return lack(start &+ 48, .beyondContent, value: start &+ 48) }
        let id = UInt64(reader.load(UInt16.self, at: start, isBigEndian: isBigEndian))
        guard id != 0xFFFF else { return readExtendedHeader(at: start &+ 16, isBigEndian: isBigEndian, &eventID) }
        eventID = id
        updateClock(UInt64(reader.load(UInt32.self, at: start &+ 16, isBigEndian: isBigEndian)), size: 32)
        positionBits = start &+ 48
        return true
    }

    /// 32 bits of id and 64 of time.
    @inlinable @inline(always)
    mutating func readExtendedHeader(at start: UInt64, isBigEndian: Bool, _ eventID: inout UInt64) -> Bool {
        guard start &+ 96 <= limitBits else { return lack(start &+ 96, .beyondContent, value: start &+ 96) }
        eventID = UInt64(reader.load(UInt32.self, at: start, isBigEndian: isBigEndian))
        clockCycles = reader.load(UInt64.self, at: start &+ 32, isBigEndian: isBigEndian)
        positionBits = start &+ 96
        return true
    }

    /// By its program. A header without an id leaves 0, which then stands for the only event class.
    @inlinable @inline(always)
    mutating func readGenericHeader(_ start: UInt32, _ eventID: inout UInt64) -> Bool {
        slots[RunSlot.eventID] = 0
        guard runUnseen(start) else { return false }
        eventID = slots[RunSlot.eventID]
        return true
    }
}
