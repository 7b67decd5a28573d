/// When to ask a stream next: learned from when its replies brought something.
///
/// A tracer's live timer makes each stream say something once a live period: a packet when the stream has events,
/// else a beacon. So a stream is asked once a period, just after its timer's tick. The tick's phase is learned: while
/// asking at the expected time finds something new, the time creeps earlier; when it comes too early, smaller steps
/// forward find the tick again. A stream with events can fill a buffer between two ticks, and some relays drop what is
/// unread when it is closed: it is asked each quarter of a period besides, and each 50 ms of a long one. Due times lie
/// on a grid, so that streams of one channel (whose ticks are 0.1 ms apart) share a batch.
struct PollState: BitwiseCopyable {
    /// Not asked before.
    private(set) var dueAt: UInt64 = 0
    /// The pause after the last reply that brought nothing new; 0 after one that did.
    private var pauseNs: UInt64 = 0
    /// Something new: a packet, or another beacon.
    private var lastNewsAt: UInt64 = 0
    /// When the next news is expected.
    private var tickAt: UInt64 = 0
    /// When the first reply came.
    private var firstReplyAt: UInt64?
    private var lastBeaconCycles: UInt64?
    /// The last reply announced a packet: the next may be there already.
    private var isReading = false
    /// Replies in a row without news since the tick was expected.
    private var earlyCount = 0
    /// How much earlier than a period after the last tick to ask, to find the tick; shrinks as it is found.
    private var creepNs: UInt64 = 0
    /// Ticks to come before the next try whether asking earlier finds one, too.
    private var ticksUntilCreep = 0

    /// A packet was announced.
    mutating func packetCame(period: UInt64, times: PollTimes, now: UInt64) {
        if !isReading { ticked(period: period, times: times, now: now) }
        isReading = true
        lastNewsAt = now
        pauseNs = 0
        dueAt = now
    }

    /// RETRY: nothing is known.
    /// - Parameter isFleeting: whether the relay drops what is unread when the stream is closed.
    mutating func nothingCame(isFleeting: Bool, period: UInt64, times: PollTimes, now: UInt64) {
        let firstReplyAt = firstReplyAt ?? now
        self.firstReplyAt = firstReplyAt
        // Its program may end before the first tick: then all it wrote can be had between two requests to the relay.
        if isFleeting, lastNewsAt == 0, now < firstReplyAt + 2 * period {
            dueAt = now + times.newbornPause
            return
        }
        guard isFresh(period: period, now: now) else {
            isReading = false
            let isNew = lastNewsAt == 0 && now < firstReplyAt + 2 * period
            let cap = isNew ? Self.activePauseMax(period, times) : min(period, times.retryMax)
            pauseNs = nextPause(cap: cap, period: period, times: times)
            dueAt = Self.aligned(now + pauseNs, min(pauseNs, Self.grid(period)))
            return
        }
        if isReading {
            isReading = false
            pauseNs = min(max(period / 4, times.retryMin), times.roundMaxActive)
        }
        if now + Self.leastStep(period) < tickAt {
            // All streams at the same times.
            dueAt = min(tickAt, Self.aligned(now + Self.grid(period), pauseNs))
        } else {
            cameEarly(period: period, cap: Self.activePauseMax(period, times), now: now)
        }
    }

    /// INACTIVE. - Returns: whether the beacon is new.
    mutating func beaconCame(_ cycles: UInt64, period: UInt64, times: PollTimes, now: UInt64) -> Bool {
        isReading = false
        guard cycles != lastBeaconCycles else {
            cameEarly(period: period, cap: min(period, times.retryMax), now: now)
            return false
        }
        ticked(period: period, times: times, now: now)
        lastBeaconCycles = cycles
        lastNewsAt = now
        pauseNs = 0
        dueAt = max(now + 1, tickAt)
        return true
    }

    /// There was news, after none: learns when to expect the next.
    private mutating func ticked(period: UInt64, times: PollTimes, now: UInt64) {
        let grid = Self.grid(period)
        let least = Self.leastStep(period)
        if earlyCount > 0 {
            creepNs = max(creepNs / 4, least)
            ticksUntilCreep = creepNs == least ? 8 : 0
        } else if creepNs == 0 {
            creepNs = max(period / 4, least)
        }
        let creeps = ticksUntilCreep == 0 && period > 4 * grid
        ticksUntilCreep = max(0, ticksUntilCreep - 1)
        earlyCount = 0
        // No longer than a quiet stream may wait: a burst can fill a buffer between two ticks of a slow timer.
        let wait = min(creeps ? period - creepNs : period, times.retryMax)
        // Counted from when the stream was to be asked: the reply came later, and would drift from step to step of
        // the grid.
        let asked = now >= dueAt && now - dueAt < 4 * grid ? dueAt : now
        tickAt = Self.aligned(asked + wait, grid)
    }

    /// The tick is still to come: a few small steps, then longer ones.
    private mutating func cameEarly(period: UInt64, cap: UInt64, now: UInt64) {
        let step = max(creepNs / 4, Self.leastStep(period))
        pauseNs = earlyCount < 4 ? step : min(pauseNs * 2, max(step, cap))
        earlyCount += 1
        dueAt = Self.aligned(now + pauseNs, min(pauseNs, Self.grid(period)))
    }

    private func isFresh(period: UInt64, now: UInt64) -> Bool {
        lastNewsAt > 0 && now < lastNewsAt + 2 * period
    }

    private mutating func nextPause(cap: UInt64, period: UInt64, times: PollTimes) -> UInt64 {
        let first = min(times.retryMin, max(period / 2, 1_000_000))
        return pauseNs == 0 ? first : max(first, min(pauseNs * 2, cap))
    }

    /// Longest pause of a stream whose news is due, or that is new.
    private static func activePauseMax(_ period: UInt64, _ times: PollTimes) -> UInt64 {
        min(max(period / 8, times.retryMin), times.roundMaxActive)
    }

    /// The finest step in which a tick is looked for.
    private static func leastStep(_ period: UInt64) -> UInt64 {
        max(period / 32, grid(period) + grid(period) / 2)
    }

    /// Due times are multiples of a fiftieth of the period, of 1 to 20 ms.
    private static func grid(_ period: UInt64) -> UInt64 {
        min(max(period / 50, 1_000_000), 20_000_000)
    }

    /// `time` moved up to the next multiple of `step`.
    private static func aligned(_ time: UInt64, _ step: UInt64) -> UInt64 {
        let step = max(step, 1)
        return (time + step - 1) / step * step
    }
}
