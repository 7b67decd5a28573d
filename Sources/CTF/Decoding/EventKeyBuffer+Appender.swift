/// The part of a key buffer that a scan keeps in local variables while it runs.
struct EventKeyAppender {
    let storage: UnsafeMutablePointer<EventKey>
    let capacity: Int
    var count: Int
    /// Where cycles go, where they cannot be computed back from keys.
    var cyclesAfter: UnsafeMutablePointer<UInt64>?
    let clock: ClockConversion
    let hasClock: Bool
    let correctionNs: Int64
    /// What to subtract from a timestamp to get cycles, modulo 2^64.
    let originNs: Int64

    @inline(__always)
    var isFull: Bool { count >= capacity }

    /// Appends a key. The buffer has room.
    /// - Parameters:
    ///   - headerCycles: the clock after the event's header: its time.
    ///   - cycles: the clock after the event.
    @inline(__always)
    mutating func append(startBits: UInt64, headerCycles: UInt64, cycles: UInt64, to buffer: EventKeyBuffer) {
        var timestampNs: Int64 = 0
        if hasClock {
            let (sum, overflow) = clock.nanoseconds(headerCycles).addingReportingOverflow(correctionNs)
            timestampNs = overflow ? (correctionNs < 0 ? .min : .max) : sum
        }
        storage[count] = EventKey(timestampNs: timestampNs, startBits: startBits)
        count &+= 1
        if let cyclesAfter {
            cyclesAfter[count &- 1] = cycles
        } else if UInt64(bitPattern: timestampNs &- originNs) != cycles {
            cyclesAfter = buffer.startStoringCycles(count: count, lastCycles: cycles)
        }
    }
}

extension EventKeyBuffer {
    /// - Parameter cursor: where the scan begins; the end of the buffer's last event, if it has any.
    func appender(_ stream: StreamEntry, correctionNs: Int64, cursor: EventCursor) -> EventKeyAppender {
        // With a clock that ticks in nanoseconds a timestamp is cycles plus a constant. Without one it is 0, and the clock
        // stays where it is. In all other cases the first event shows that it is not so.
        let origin =
            stream.hasClock ? stream.clock.baseNs &+ correctionNs : 0 &- Int64(bitPattern: cursor.clockCycles)
        if count == 0 {
            firstCycles = cursor.clockCycles
            originNs = origin
            cyclesAfter?.deallocate()
            cyclesAfter = nil
        }
        if cyclesAfter == nil && (stream.hasClock && !stream.clock.isNanosecondClock || originNs != origin) {
            _ = startStoringCycles(count: count, lastCycles: cyclesBefore(count))
        }
        return EventKeyAppender(
            storage: storage,
            capacity: capacity,
            count: count,
            cyclesAfter: cyclesAfter,
            clock: stream.clock,
            hasClock: stream.hasClock,
            correctionNs: correctionNs,
            originNs: origin
        )
    }

    func finish(_ appender: EventKeyAppender) {
        count = appender.count
    }

    /// From now on cycles are stored; those of the keys so far are computed for the last time.
    /// - Parameters:
    ///   - count: keys in the buffer.
    ///   - lastCycles: the clock's value after the last of them.
    @inline(never)
    func startStoringCycles(count: Int, lastCycles: UInt64) -> UnsafeMutablePointer<UInt64> {
        let cycles = UnsafeMutablePointer<UInt64>.allocate(capacity: capacity)
        for index in 0..<max(count - 1, 0) {
            cycles[index] = UInt64(bitPattern: storage[index].timestampNs &- originNs)
        }
        if count > 0 { cycles[count - 1] = lastCycles }
        cyclesAfter = cycles
        return cycles
    }
}

extension ProgramMachine {
    /// Forgets what the event before has left in the slots; what the preamble has saved stays.
    @inline(never)
    func clearEventSlots() {
        let first = max(RoleSlot.count, tables.savedStart + tables.savedCount)
        for slot in first..<tables.slotCount { slots[slot] = 0 }
    }
}
