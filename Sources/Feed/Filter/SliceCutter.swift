import CTF

/// Cuts the slices of a group at the events that are not wanted, and puts the rest into the group's order.
struct SliceCutter {
    /// Consecutive events of a slice that are all wanted, or all not.
    private struct Span {
        /// Which slice of `kept` they are; nil: not wanted.
        var number: UInt32?
        var count: Int
    }

    /// Its order comes at the end.
    private(set) var kept = EventGroup()
    /// Of all slices, one behind the other.
    private var spans: [Span] = []
    /// By slice: where its spans begin.
    private var starts: [Int] = []

    mutating func begin(_ group: EventGroup) {
        kept = EventGroup()
        kept.slices.reserveCapacity(group.slices.count)
        spans.removeAll(keepingCapacity: true)
        starts.removeAll(keepingCapacity: true)
    }

    /// None of the slice's events are wanted.
    mutating func drop(_ slice: EventSlice) {
        starts.append(spans.count)
        spans.append(Span(number: nil, count: slice.eventCount))
    }

    /// All of them are.
    mutating func keep(_ slice: EventSlice) {
        starts.append(spans.count)
        spans.append(Span(number: UInt32(kept.slices.count), count: slice.eventCount))
        kept.slices.append(slice)
    }

    /// Asks the program for each event.
    /// - Returns: how many events, the last ones, cannot be read; they are not wanted.
    mutating func cut(_ slice: EventSlice, _ program: FilterProgram) -> Int {
        starts.append(spans.count)
        program.begin(slice.packet)
        var visitor = FilterVisitor(program)
        let reader = program.reader
        let preamble = slice.packet.preamble
        let bytes = PacketBytes(slice.bytes, firstByte: Int(clamping: slice.firstBits / 8))
        var cursor = EventCursor(positionBits: slice.firstBits, clockCycles: slice.clockCycles)
        var spanStart = cursor
        var spanCount = 0
        var isSpanWanted = false
        for index in 0..<slice.eventCount {
            let before = cursor
            do throws(PacketError) {
                try reader.visitEvent(bytes, preamble: preamble, cursor: &cursor, visitor: &visitor)
            } catch {
                close(slice, isSpanWanted, from: spanStart, to: before, count: spanCount)
                close(slice, false, from: before, to: before, count: slice.eventCount - index)
                return slice.eventCount - index
            }
            let isWanted = visitor.isWanted
            if isWanted != isSpanWanted {
                close(slice, isSpanWanted, from: spanStart, to: before, count: spanCount)
                spanStart = before
                spanCount = 0
                isSpanWanted = isWanted
            }
            spanCount += 1
        }
        close(slice, isSpanWanted, from: spanStart, to: cursor, count: spanCount)
        return 0
    }

    /// Asks of each event, by its number in the slice.
    /// - Parameter keys: of the slice; events behind the last of them are not wanted.
    mutating func cut(_ slice: EventSlice, _ keys: EventKeyBuffer, isWanted: (Int) -> Bool) {
        starts.append(spans.count)
        func cursor(_ index: Int) -> EventCursor {
            EventCursor(
                positionBits: index < keys.count ? keys.keys[index].startBits : slice.endBits,
                clockCycles: keys.cyclesBefore(min(index, keys.count))
            )
        }
        var start = 0
        while start < slice.eventCount {
            let isSpanWanted = isWanted(start)
            var end = start + 1
            while end < slice.eventCount, isWanted(end) == isSpanWanted { end += 1 }
            close(slice, isSpanWanted, from: cursor(start), to: cursor(end), count: end - start)
            start = end
        }
    }

    private mutating func close(
        _ slice: EventSlice,
        _ isWanted: Bool,
        from start: EventCursor,
        to end: EventCursor,
        count: Int
    ) {
        guard count > 0 else { return }
        guard isWanted else {
            spans.append(Span(number: nil, count: count))
            return
        }
        spans.append(Span(number: UInt32(kept.slices.count), count: count))
        var part = slice
        part.firstBits = start.positionBits
        part.endBits = end.positionBits
        part.clockCycles = start.clockCycles
        part.eventCount = count
        part.storageOffset += Int(clamping: start.positionBits / 8 - slice.firstBits / 8)
        kept.slices.append(part)
    }

    /// Says of the slices from the given one on, all of one packet, whether the first of them declares it.
    mutating func declare(from first: Int, declares: Bool) {
        for index in first..<kept.slices.count { kept.slices[index].opensPacket = declares && index == first }
    }

    /// - Returns: the wanted events in the order of all.
    mutating func end(_ group: EventGroup) -> EventGroup {
        // Where each slice's next events are, and how many of that span have gone.
        var next = starts
        var gone = [Int](repeating: 0, count: starts.count)
        var late = group.late[...]
        var index = 0
        for run in group.order {
            let slice = Int(run.slice)
            var left = Int(run.count)
            while left > 0 {
                let span = spans[next[slice]]
                let count = min(left, span.count - gone[slice])
                while let event = late.first, Int(event.index) < index + count {
                    if span.number != nil {
                        kept.late.append(event.moved(to: UInt32(kept.eventCount + Int(event.index) - index)))
                    }
                    late.removeFirst()
                }
                if let number = span.number { append(number, count) }
                index += count
                left -= count
                gone[slice] += count
                if gone[slice] == span.count {
                    next[slice] += 1
                    gone[slice] = 0
                }
            }
        }
        defer { kept = EventGroup() }
        return kept
    }

    private mutating func append(_ slice: UInt32, _ count: Int) {
        kept.eventCount += count
        if let last = kept.order.indices.last, kept.order[last].slice == slice {
            kept.order[last].count += UInt32(count)
        } else {
            kept.order.append(EventGroup.Run(slice: slice, count: UInt32(count)))
        }
    }
}
