/// The part of a key buffer that a scan keeps in local variables while it runs.
///
/// The usual clock ticks in nanoseconds. Then a timestamp is the clock's value plus a constant, and the clock's value
/// can be computed back from the timestamp, as long as the sum fits in 64 bits: below `fastEnd`. All else is out of
/// line.
struct EventKeyAppender: BitwiseCopyable {
    let storage: UnsafeMutablePointer<EventKey>
    let capacity: Int
    var count: Int
    /// What to add to cycles to get a timestamp, modulo 2^64.
    let originNs: Int64
    /// Cycles below this are added to `originNs` without further thought; 0 for never.
    var fastEnd: UInt64

    @inline(always)
    var isFull: Bool { count >= capacity }

    /// Appends a key. The buffer has room.
    /// - Parameters:
    ///   - headerCycles: the clock after the event's header: its time.
    ///   - cycles: the clock after the event.
    @inline(always)
    mutating func append(
        startBits: UInt64,
        headerCycles: UInt64,
        cycles: UInt64,
        to buffer: EventKeyBuffer,
        _ time: EventTime
    ) {
        var timestampNs = Int64(bitPattern: cycles) &+ originNs
        if headerCycles >= fastEnd || headerCycles != cycles {
            timestampNs = buffer.slowTimestamp(time, index: count, headerCycles: headerCycles, cycles: cycles)
            // Once cycles are stored, those of all events are.
            if buffer.cyclesAfter != nil { fastEnd = 0 }
        }
        storage[count] = EventKey(timestampNs: timestampNs, startBits: startBits)
        count &+= 1
    }
}

/// How a stream's cycles become the timestamps of keys.
struct EventTime: BitwiseCopyable {
    /// Nil without a clock: timestamps are 0.
    let clock: ClockConversion?
    let correctionNs: Int64

    init(_ stream: StreamEntry, correctionNs: Int64) {
        clock = stream.hasClock ? stream.clock : nil
        self.correctionNs = correctionNs
    }

    func timestampNs(_ cycles: UInt64) -> Int64 {
        guard let clock else { return 0 }
        let (sum, overflow) = clock.nanoseconds(cycles).addingReportingOverflow(correctionNs)
        return overflow ? (correctionNs < 0 ? .min : .max) : sum
    }

    /// The constant between cycles and timestamp, and below which cycles it holds without overflow; nil where there is
    /// none.
    func constant(clockCycles: UInt64) -> (originNs: Int64, fastEnd: UInt64)? {
        guard let clock else {
            // The clock stands still, and the timestamp is 0.
            return (0 &- Int64(bitPattern: clockCycles), .max)
        }
        let (originNs, overflow) = clock.baseNs.addingReportingOverflow(correctionNs)
        guard clock.isNanosecondClock, !overflow else { return nil }
        // Neither the clock's own sum nor the corrected one may pass Int64.max.
        let largest = max(clock.baseNs, originNs)
        return (originNs, UInt64(bitPattern: Int64.max &- largest))
    }
}

extension EventKeyBuffer {
    /// - Parameter cursor: where the scan begins; the end of the buffer's last event, if it has any.
    func appender(_ time: EventTime, cursor: EventCursor) -> EventKeyAppender {
        let constant = time.constant(clockCycles: cursor.clockCycles)
        if count == 0 {
            firstCycles = cursor.clockCycles
            originNs = constant?.originNs ?? 0
            cyclesAfter?.deallocate()
            cyclesAfter = nil
        }
        if cyclesAfter == nil && originNs != constant?.originNs { storeCycles(count: count) }
        return EventKeyAppender(
            storage: storage,
            capacity: capacity,
            count: count,
            originNs: originNs,
            fastEnd: cyclesAfter == nil ? constant?.fastEnd ?? 0 : 0
        )
    }

    func finish(_ appender: EventKeyAppender) {
        count = appender.count
    }

    /// The timestamp of event `index`, whose cycles cannot be computed back from it or are stored anyway.
    @inline(never)
    func slowTimestamp(_ time: EventTime, index: Int, headerCycles: UInt64, cycles: UInt64) -> Int64 {
        let timestampNs = time.timestampNs(headerCycles)
        if cyclesAfter == nil && UInt64(bitPattern: timestampNs &- originNs) != cycles { storeCycles(count: index) }
        cyclesAfter?[index] = cycles
        return timestampNs
    }

    /// From now on cycles are stored; those of the first `count` keys are computed for the last time.
    func storeCycles(count: Int) {
        let cycles = UnsafeMutablePointer<UInt64>.allocate(capacity: capacity)
        for index in 0..<count { cycles[index] = UInt64(bitPattern: storage[index].timestampNs &- originNs) }
        cyclesAfter = cycles
    }
}

extension ProgramTables {
    /// Forgets what the event before has left in the slots; what the preamble has saved stays.
    /// - Parameter positionBits: where the next event begins.
    @inline(never)
    func clearEventSlots(_ slots: UnsafeMutablePointer<UInt64>, at positionBits: UInt64) {
        slots[RunSlot.eventStart] = positionBits
        slots[RunSlot.lastOrder] = 0
        slots[RunSlot.emptyElements] = 0
        let first = max(RunSlot.count, savedStart + savedCount)
        for slot in first..<slotCount { slots[slot] = 0 }
    }
}
