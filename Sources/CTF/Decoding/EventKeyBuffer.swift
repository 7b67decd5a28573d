/// The keys of one packet's events, in stream order, and where its clock stood before each.
///
/// Memory is taken once and never grows: 16 bytes a key, and 8 more for its cycles only where they cannot be computed
/// back from the key, that is for clocks that do not tick in nanoseconds. Confined to whoever scans.
package final class EventKeyBuffer {
    /// Keys that fit.
    package let capacity: Int
    package internal(set) var count = 0

    let storage: UnsafeMutablePointer<EventKey>
    /// The clock's value after each event; nil while `cyclesBefore` can be computed.
    var cyclesAfter: UnsafeMutablePointer<UInt64>?
    /// The clock's value before the first event.
    var firstCycles: UInt64 = 0
    /// What to subtract from a timestamp to get cycles, modulo 2^64.
    var originNs: Int64 = 0

    /// - Parameter capacity: in keys, at least 1; the caller has bounded it.
    package init(capacity: Int) {
        precondition(capacity > 0)
        self.capacity = capacity
        storage = .allocate(capacity: capacity)
    }

    deinit {
        storage.deallocate()
        cyclesAfter?.deallocate()
    }

    /// The keys. Valid until the buffer is changed or freed.
    package var keys: UnsafeBufferPointer<EventKey> {
        UnsafeBufferPointer(start: storage, count: count)
    }

    /// The clock's value before event `index` is read, cycles: with its key's position, a cursor to visit it.
    /// - Parameter index: 0 ... count; `count` means after the last event.
    package func cyclesBefore(_ index: Int) -> UInt64 {
        precondition(index >= 0 && index <= count)
        guard index > 0 else { return firstCycles }
        if let cyclesAfter { return cyclesAfter[index - 1] }
        // Modulo 2^64 undoes the addition that made the timestamp, which did not saturate.
        return UInt64(bitPattern: storage[index - 1].timestampNs &- originNs)
    }

    /// Forgets all keys; memory stays.
    package func removeAll() {
        count = 0
    }
}
