/// Which frames may hold events of a time.
///
/// Events that are not late leave in order, so the frames' ranges of time follow one another: what a range may be in is
/// found by binary search. Where something goes back in time, it is kept beside. Several frames with few events
/// share an
/// entry, so that a feed of many small frames costs no more than one of large ones: 40 bytes for at least 512 events or
/// 64 frames.
package struct TimeIndex: Sendable {
    /// Consecutive frames.
    private struct Entry: Sendable {
        var first: UInt64
        var last: UInt64
        var events: Int
        /// Of the events in order; entries follow one another in both.
        var leastNs: Int64
        var greatestNs: Int64
    }

    /// Frames with events that are not in order.
    private struct Beside: Sendable {
        var first: UInt64
        var last: UInt64
        /// Of the frames, in order or not.
        var events: Int
        var leastNs: Int64
        var greatestNs: Int64

        func touches(_ times: Range<Int64>) -> Bool {
            greatestNs >= times.lowerBound && leastNs < times.upperBound
        }

        func covers(_ times: Range<Int64>) -> Bool {
            leastNs <= times.lowerBound && greatestNs >= times.upperBound - 1
        }
    }

    private static let entryEvents = 512
    private static let entryFrames: UInt64 = 64

    private var entries: [Entry] = []
    private var beside: [Beside] = []
    private var newest: UInt64 = 0

    package init() {}

    /// Bytes, about.
    package var byteCount: Int {
        entries.count * MemoryLayout<Entry>.stride + beside.count * MemoryLayout<Beside>.stride
    }

    /// Takes the next frame with events.
    /// - Parameters:
    ///   - sequence: not less than before, else the frame is left out.
    ///   - inOrder: the times of its events that are in order; nil without any.
    ///   - late: those of the others.
    mutating func append(sequence: UInt64, events: Int, inOrder: ClosedRange<Int64>?, late: ClosedRange<Int64>?) {
        guard sequence >= newest else { return }
        newest = sequence
        if let late { putBeside(sequence, events, late) }
        guard let inOrder else { return }
        guard let last = entries.last else {
            append(sequence, events, inOrder)
            return
        }
        // Not in order after all.
        if inOrder.lowerBound < last.greatestNs { putBeside(sequence, events, inOrder) }
        guard inOrder.upperBound >= last.greatestNs else { return }
        let times = max(inOrder.lowerBound, last.greatestNs)...inOrder.upperBound
        guard last.events < Self.entryEvents, sequence - last.first < Self.entryFrames else {
            append(sequence, events, times)
            return
        }
        entries[entries.count - 1].last = sequence
        entries[entries.count - 1].events += events
        entries[entries.count - 1].greatestNs = times.upperBound
    }

    private mutating func append(_ sequence: UInt64, _ events: Int, _ times: ClosedRange<Int64>) {
        entries.append(
            Entry(
                first: sequence,
                last: sequence,
                events: events,
                leastNs: times.lowerBound,
                greatestNs: times.upperBound
            )
        )
    }

    private mutating func putBeside(_ sequence: UInt64, _ events: Int, _ times: ClosedRange<Int64>) {
        let last = beside.count - 1
        guard last >= 0, beside[last].events < Self.entryEvents, sequence - beside[last].first < Self.entryFrames else {
            beside.append(
                Beside(
                    first: sequence,
                    last: sequence,
                    events: events,
                    leastNs: times.lowerBound,
                    greatestNs: times.upperBound
                )
            )
            return
        }
        beside[last].last = sequence
        beside[last].events += events
        beside[last].leastNs = min(beside[last].leastNs, times.lowerBound)
        beside[last].greatestNs = max(beside[last].greatestNs, times.upperBound)
    }

    /// Forgets frames before a number.
    /// - Complexity: O(entries).
    mutating func drop(before sequence: UInt64) {
        entries.removeFirst(entries.firstIndex { $0.last >= sequence } ?? entries.count)
        beside.removeFirst(beside.firstIndex { $0.last >= sequence } ?? beside.count)
    }

    /// The frames that may hold events of a range of time: ascending ranges of numbers that do not touch. Frames that
    /// are kept no more may be among them.
    /// - Parameters:
    ///   - fromNs: inclusive.
    ///   - toNs: exclusive.
    /// - Complexity: O(log frames + entries found + entries with late events).
    package func frames(fromNs: Int64, toNs: Int64) -> [ClosedRange<UInt64>] {
        guard fromNs < toNs else { return [] }
        var found: [ClosedRange<UInt64>] = []
        let start = entries.partitioningIndex { $0.greatestNs >= fromNs }
        let end = entries.partitioningIndex { $0.leastNs >= toNs }
        if start < end { found.append(entries[start].first...entries[end - 1].last) }
        for part in beside where part.touches(fromNs..<toNs) {
            found.append(part.first...part.last)
        }
        return Self.joined(found)
    }

    /// What to read to know a part of a range whole.
    package struct Step: Sendable, Equatable {
        /// The times that are known then, nanoseconds.
        package var times: Range<Int64>
        /// As of `frames`.
        package var frames: [ClosedRange<UInt64>]
    }

    /// The first part of a range of time, not empty, that takes about so many events to read: fewer, unless they are
    /// close together or late.
    /// - Complexity: as of `frames`.
    package func firstStep(_ times: Range<Int64>, events: Int) -> Step {
        var sum = 0
        var end = times.upperBound
        var position = entries.partitioningIndex { $0.greatestNs >= times.lowerBound }
        while position < entries.count, entries[position].leastNs < times.upperBound {
            sum += entries[position].events
            if sum > events, entries[position].leastNs > times.lowerBound {
                end = entries[position].leastNs
                break
            }
            position += 1
        }
        return step(shortened(times.lowerBound..<end, events: events, atItsEnd: true))
    }

    /// The last part of a range of time; else as `firstStep`.
    package func lastStep(_ times: Range<Int64>, events: Int) -> Step {
        var sum = 0
        var begin = times.lowerBound
        var position = entries.partitioningIndex { $0.leastNs >= times.upperBound }
        while position > 0, entries[position - 1].greatestNs >= times.lowerBound {
            position -= 1
            sum += entries[position].events
            if sum > events, entries[position].greatestNs < times.upperBound - 1 {
                begin = entries[position].greatestNs + 1
                break
            }
        }
        return step(shortened(begin..<times.upperBound, events: events, atItsEnd: false))
    }

    private func step(_ times: Range<Int64>) -> Step {
        Step(times: times, frames: frames(fromNs: times.lowerBound, toNs: times.upperBound))
    }

    /// Halves a range until the frames beside that may hold events of it have no more than wanted, as those of a
    /// backlog do at last; or until those alone have more that reach over all of it, which it does not help to halve.
    private func shortened(_ times: Range<Int64>, events: Int, atItsEnd: Bool) -> Range<Int64> {
        var times = times
        var touching = beside[...].filter { $0.touches(times) }
        while touching.reduce(0, { $0 + $1.events }) > events {
            let through = touching.lazy.filter { [times] in $0.covers(times) }.reduce(0) { $0 + $1.events }
            let half = UInt64(bitPattern: times.upperBound &- times.lowerBound) / 2
            guard through <= events, half > 0 else { break }
            let middle = Int64(bitPattern: UInt64(bitPattern: times.lowerBound) &+ half)
            times = atItsEnd ? times.lowerBound..<middle : middle..<times.upperBound
            touching = touching.filter { $0.touches(times) }
        }
        return times
    }

    /// The same numbers in ascending ranges that do not touch.
    static func joined(_ ranges: [ClosedRange<UInt64>]) -> [ClosedRange<UInt64>] {
        let sorted = ranges.sorted { $0.lowerBound < $1.lowerBound }
        return sorted.reduce(into: []) { joined, range in
            guard let last = joined.last, range.lowerBound <= last.upperBound || range.lowerBound - last.upperBound == 1
            else {
                joined.append(range)
                return
            }
            joined[joined.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
        }
    }
}

extension Array {
    /// The first index from which on a condition holds, as it does for all behind it.
    fileprivate func partitioningIndex(where holds: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if holds(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
