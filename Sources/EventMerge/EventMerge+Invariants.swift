extension EventMerge {
    /// Stops the program where the merge's parts disagree. O(streams); for tests and the simulator.
    package func checkInvariants() {
        precondition(MemoryLayout<HeadKey>.size == 16 && MemoryLayout<SlotState>.stride == 32)
        order.checkInvariants()
        tree.checkInvariants { slot in
            slot < slotEnd && slots[slot].hasEvent ? head(slot) : .none(slot: slot)
        }
        var pending = 0
        var there = 0
        var open = 0
        var free = 0
        var left = 0
        for slot in 0..<slotEnd {
            let state = slots[slot]
            let queue = queues[slot]
            switch queue.condition {
            case .free: free += 1
            case .left: left += 1
            case .open: open += 1
            case .ending: precondition(state.hasEvent, "an ended stream without events has not left")
            }
            guard queue.isThere else {
                precondition(!state.hasEvent, "a stream has left with events")
                continue
            }
            there += 1
            pending += pendingCount(slot)
            if state.left > 1 {
                precondition(state.followingTime == HeadKey.time(state.next[1].timestampNs), "read ahead wrong")
            }
            precondition(state.hasEvent || queue.events == 0, "chunks wait behind nothing")
            precondition(
                (queue.first == ChunkPool.none) == (queue.last == ChunkPool.none),
                "broken chunk queue"
            )
        }
        precondition(there == streamCount, "streams miscounted")
        precondition(open == openStreamCount, "open streams miscounted")
        precondition(pending == pendingEventCount, "pending events miscounted")
        precondition(free == freeSlots.count && left == ended.count, "free slots miscounted")
    }
}
