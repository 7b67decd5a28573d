internal import CHints

/// What one call of `release` carries from event to event.
private struct ReleasePass {
    /// Heads less than this leave in order.
    let limit: HeadKey
    /// Events before this are late: timestamp + 2^63 of what is published or has left; never less than that.
    var bound: UInt64
    /// Events that may still leave.
    var budget: Int
    var lateCount = 0
    /// Runs in `runBlock`.
    var blockCount = 0
    /// The slot of the last run where the stream's next event goes on with that run; -1 where not.
    var openSlot = -1
}

extension EventMerge {
    /// Appends to `output` the events that may leave now, in feed order.
    ///
    /// In order leaves what is older than the watermark; an event at the watermark waits, for an equal one may still
    /// come from a stream of lower rank. An event that is older than `max(published watermark, last event that left in
    /// order)` when it becomes its stream's head is late: it leaves at once, before all that is unpublished and
    /// whatever the watermark is, in a run of its own whose `lateNs` is that maximum minus its timestamp.
    /// - Parameters:
    ///   - watermark: W, nanoseconds since the Unix epoch, exclusive; nil: nothing leaves in order.
    ///   - endOfAll: all that is pending may leave: every stream has ended.
    ///   - maxEvents: no more leave in this call; >= 0. Call again where the result says that it is not complete.
    ///   - output: is appended to.
    /// - Complexity: O(events x log streams) at worst; O(1) for each event of a run.
    package mutating func release(
        upTo watermark: Int64?,
        endOfAll: Bool,
        maxEvents: Int,
        into output: inout [MergeRun]
    ) -> MergeRelease {
        precondition(maxEvents >= 0)
        var limit = HeadKey(time: 0, place: 0)
        if let watermark { limit = HeadKey(time: HeadKey.time(watermark), place: 0) }
        if endOfAll { limit = HeadKey.none(slot: 0) }
        let published = publishedNs.map(HeadKey.time) ?? 0
        var pass = ReleasePass(limit: limit, bound: max(published, lastInOrderTime), budget: maxEvents)

        var head = tree.winner
        while pass.budget > 0 {
            if head.time < pass.bound {
                head = takeLate(head, &pass, &output)
            } else if head < limit {
                let next = takeInOrder(head, &pass, &output)
                head =
                    tree.capacity < LaterReads.streamsMin
                    ? takeSingles(next, &pass, &output, readsLater: false)
                    : takeSingles(next, &pass, &output, readsLater: true)
            } else {
                break
            }
        }

        flush(&pass, &output)
        let eventCount = maxEvents - pass.budget
        pendingEventCount -= eventCount
        let isComplete = tree.winner.time >= pass.bound && !(tree.winner < limit)
        if isComplete, let watermark { publishedNs = max(publishedNs ?? .min, watermark) }
        return MergeRelease(
            eventCount: eventCount,
            lateCount: pass.lateCount,
            isComplete: isComplete,
            publishedNs: publishedNs
        )
    }

    /// Takes least heads one by one, while none is its chunk's last and no stream wins again and again.
    ///
    /// This is the loop that interleaved streams spend their time in: all it needs is in local variables, and it has no
    /// branch that depends on who wins.
    /// - Parameter readsLater: a literal: the loop is there twice.
    /// - Returns: the least head now.
    @inline(__always)
    private mutating func takeSingles(
        _ least: HeadKey,
        _ pass: inout ReleasePass,
        _ output: inout [MergeRun],
        readsLater: Bool
    ) -> HeadKey {
        if pass.blockCount == EventMerge.runBlockCount { flush(&pass, &output) }
        let slots = self.slots
        let matches = tree.matches
        // Not for an event at the end of time, which the general way takes.
        let limitTime = min(pass.limit.time, .max - 1)
        let block = runBlock
        var openSlot = UInt64(truncatingIfNeeded: pass.openSlot)
        var run = block[max(pass.blockCount, 1) - 1]
        var bound = pass.bound
        var repeats: UInt64 = 0
        var head = least
        var left = 0
        // Each event takes a run at most.
        let most = min(EventMerge.runBlockCount &- pass.blockCount, pass.budget)
        var blockCount = pass.blockCount
        var later = LaterReads(laterSlots, least.slot)
        while left < most, head.time >= bound, head.time < limitTime {
            let slot = head.slot
            let state = slots + slot
            let isAgain = UInt64(slot) == openSlot
            repeats = tidemark_select(isAgain, repeats &+ 1, 0)
            guard state.pointee.left > 1, repeats < 3 else { break }
            // A stream that has won again goes on with its run.
            let index = UInt64(state.pointee.index)
            run = MergeRun(
                slot: StreamSlot(index: UInt32(truncatingIfNeeded: slot)),
                first: UInt32(truncatingIfNeeded: tidemark_select(isAgain, UInt64(run.firstIndex), index)),
                count: UInt32(truncatingIfNeeded: tidemark_select(isAgain, UInt64(run.eventCount), 0)) &+ 1,
                tag: state.pointee.tag
            )
            blockCount &-= Int(tidemark_select(isAgain, 1, 0))
            block[blockCount] = run
            blockCount &+= 1
            left &+= 1
            openSlot = UInt64(slot)
            bound = head.time
            if readsLater, state.pointee.followingTime == LaterReads.notRead { later.finish(slots) }
            head = matches.replaceWinner(HeadKey(time: state.pointee.followingTime, place: head.place))
            state.pointee.pass(1)
            if readsLater { later.add(slot, slots) } else { state.pointee.readFollowing() }
        }
        if readsLater { later.finish(slots) }
        if left > 0 {
            lastInOrderTime = bound
            pass.bound = bound
            pass.openSlot = Int(truncatingIfNeeded: openSlot)
            pass.budget &-= left
            pass.blockCount = blockCount
        }
        return head
    }

    /// Takes the least head, and, where its stream has just won before, what follows it up to the runner-up.
    /// - Returns: the least head now.
    private mutating func takeInOrder(
        _ head: HeadKey,
        _ pass: inout ReleasePass,
        _ output: inout [MergeRun]
    ) -> HeadKey {
        let slot = head.slot
        let state = slots + slot
        pass.bound = head.time
        lastInOrderTime = head.time
        var count: UInt32 = 1
        if slot == pass.openSlot {
            count = runLength(head, &pass)
            (runBlock + (pass.blockCount - 1)).pointee.eventCount &+= count
        } else {
            add(MergeRun(slot: slot, state.pointee, lateNs: 0), &pass, &output)
            pass.openSlot = slot
        }
        pass.budget -= Int(count)
        return goOn(head, behind: count, &pass)
    }

    /// How many events the winner's stream has before another is due, at least the head.
    private mutating func runLength(_ head: HeadKey, _ pass: inout ReleasePass) -> UInt32 {
        let state = slots + head.slot
        let stop = min(pass.limit, tree.runnerUp)
        // The last time of this stream before `stop`: no underflow, for the head is before it.
        let lastTime = head.place < stop.place ? stop.time : stop.time &- 1
        let most = min(pass.budget, Int(state.pointee.left))
        var count = 1
        var bound = head.time
        while count < most {
            let time = HeadKey.time(state.pointee.next[count].timestampNs)
            // A stream that goes back in time ends its run: the next event is late.
            if time > lastTime || time < bound { break }
            bound = time
            count += 1
        }
        pass.bound = bound
        lastInOrderTime = bound
        return UInt32(truncatingIfNeeded: count)
    }

    private mutating func takeLate(
        _ head: HeadKey,
        _ pass: inout ReleasePass,
        _ output: inout [MergeRun]
    ) -> HeadKey {
        let state = slots + head.slot
        let lateNs = Int64(clamping: pass.bound - head.time)
        add(MergeRun(slot: head.slot, state.pointee, lateNs: lateNs), &pass, &output)
        pass.openSlot = -1
        pass.lateCount += 1
        pass.budget -= 1
        return goOn(head, behind: 1, &pass)
    }

    /// The winner's next events have left: another one plays for its stream, of the next chunk where the present one
    /// is used up.
    /// - Returns: the least head now.
    @inline(__always)
    private mutating func goOn(_ head: HeadKey, behind count: UInt32, _ pass: inout ReleasePass) -> HeadKey {
        let slot = head.slot
        let state = slots + slot
        state.pointee.pass(count)
        if state.pointee.hasEvent {
            state.pointee.readFollowing()
            let time = HeadKey.time(state.pointee.next.pointee.timestampNs)
            return tree.replaceWinner(HeadKey(time: time, place: head.place))
        }
        pass.openSlot = -1
        nextChunk(slot)
        return tree.replaceWinner(state.pointee.hasEvent ? self.head(slot) : .none(slot: slot))
    }

    @inline(__always)
    private func add(_ run: MergeRun, _ pass: inout ReleasePass, _ output: inout [MergeRun]) {
        if pass.blockCount == EventMerge.runBlockCount { flush(&pass, &output) }
        (runBlock + pass.blockCount).initialize(to: run)
        pass.blockCount += 1
    }

    /// Hands the block's runs to the caller.
    private func flush(_ pass: inout ReleasePass, _ output: inout [MergeRun]) {
        output.append(contentsOf: UnsafeBufferPointer(start: runBlock, count: pass.blockCount))
        pass.blockCount = 0
        // What is handed over does not grow any more.
        pass.openSlot = -1
    }
}

extension MergeRun {
    /// Events in order.
    @inline(__always)
    fileprivate init(slot: StreamSlot, first: UInt32, count: UInt32, tag: UInt64) {
        self.slot = slot
        self.firstIndex = first
        self.eventCount = count
        self.tag = tag
        self.lateNs = 0
    }

    /// One event of the stream's present chunk.
    @inline(__always)
    fileprivate init(slot: Int, _ state: SlotState, lateNs: Int64) {
        self.slot = StreamSlot(index: UInt32(truncatingIfNeeded: slot))
        self.firstIndex = state.index
        self.eventCount = 1
        self.tag = state.tag
        self.lateNs = lateNs
    }
}
