import CTF

extension FeedBatch {
    /// The batch with one of its events alone.
    /// - Parameter index: the event's among all events of the batch, in feed order.
    /// - Returns: nil where there is no such event, or where it cannot be read.
    /// - Complexity: O(events of its slice + runs).
    package func only(event index: Int) -> FeedBatch? {
        var before = 0
        for case .events(let group) in records {
            guard index >= before + group.eventCount else {
                guard let event = group.only(index - before) else { return nil }
                var batch = self
                batch.records = [.events(event)]
                return batch
            }
            before += group.eventCount
        }
        return nil
    }
}

extension EventGroup {
    fileprivate func only(_ index: Int) -> EventGroup? {
        var before = 0
        // How many events of each slice have come.
        var places = [Int](repeating: 0, count: slices.count)
        for run in order {
            let (number, count) = (Int(run.slice), Int(run.count))
            guard index >= before + count else {
                guard let slice = slices[number].only(places[number] + index - before) else { return nil }
                return EventGroup(
                    slices: [slice],
                    order: [Run(slice: 0, count: 1)],
                    late: late.filter { $0.index == index }.map { $0.moved(to: 0) },
                    eventCount: 1
                )
            }
            places[number] += count
            before += count
        }
        return nil
    }
}

extension EventSlice {
    fileprivate func only(_ index: Int) -> EventSlice? {
        let keys = keys
        guard index < keys.count else { return nil }
        var slice = self
        slice.firstBits = keys.keys[index].startBits
        slice.endBits = index + 1 < keys.count ? keys.keys[index + 1].startBits : endBits
        slice.storageOffset += Int(slice.firstBits / 8) - Int(firstBits / 8)
        slice.clockCycles = keys.cyclesBefore(index)
        slice.eventCount = 1
        slice.opensPacket = false
        return slice
    }
}
