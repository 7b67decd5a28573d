/// When to ask a stream next: learned from when its replies brought something.
///
/// A tracer's live timer makes each stream say something once a live period: a packet when the stream has events,
/// else a beacon. A stream with events is asked again at short, doubling pauses after it had nothing. A stream that
/// gives beacons is asked once a period, just after its timer's tick. The tick's phase is learned: while asking at
/// the expected time finds a new beacon, the time creeps earlier; when it comes too early, smaller steps forward find
/// the tick again. Due times lie on a grid, so that streams of one channel (whose ticks are 0.1 ms apart) share a
/// batch.
struct PollState: BitwiseCopyable {
    /// Not asked before.
    private(set) var dueAt: UInt64 = 0
    private var pauseNs: UInt64 = 0
    private var lastNewsAt: UInt64 = 0
    /// When the first reply came.
    private var firstReplyAt: UInt64?
    private var lastBeaconCycles: UInt64?
    /// Replies in a row that repeated the last beacon.
    private var earlyCount = 0
    /// How much earlier than a period after the last beacon to ask, to find the tick; shrinks as it is found.
    private var creepNs: UInt64 = 0
    /// Beacons to come before the next try whether asking earlier finds one, too.
    private var ticksUntilCreep = 0

    /// A packet was announced.
    mutating func packetCame(now: UInt64) {
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
        let cap = isFresh(period: period, now: now) ? Self.activePauseMax(period, times) : min(period, times.retryMax)
        pauseNs = nextPause(cap: cap, period: period, times: times)
        dueAt = Self.aligned(now + pauseNs, min(pauseNs, Self.grid(period)))
    }

    /// INACTIVE. - Returns: whether the beacon is new.
    mutating func beaconCame(_ cycles: UInt64, period: UInt64, times: PollTimes, now: UInt64) -> Bool {
        let grid = Self.grid(period)
        let least = max(period / 32, grid + grid / 2)
        guard cycles != lastBeaconCycles else {
            let step = max(creepNs / 4, least)
            pauseNs = earlyCount < 4 ? step : min(pauseNs * 2, max(step, min(period, times.retryMax)))
            earlyCount += 1
            dueAt = Self.aligned(now + pauseNs, min(pauseNs, grid))
            return false
        }
        if earlyCount > 0 {
            creepNs = max(creepNs / 4, least)
            ticksUntilCreep = creepNs == least ? 8 : 0
        } else if creepNs == 0 {
            creepNs = max(period / 4, least)
        }
        let creeps = ticksUntilCreep == 0 && period > 4 * grid
        ticksUntilCreep = max(0, ticksUntilCreep - 1)
        lastBeaconCycles = cycles
        lastNewsAt = now
        pauseNs = 0
        earlyCount = 0
        // No longer than a quiet stream may wait: a burst can fill a buffer between two ticks of a slow timer.
        let wait = min(creeps ? period - creepNs : period, times.retryMax)
        // Counted from when the stream was to be asked: the reply came later, and would drift from step to step of
        // the grid.
        let asked = now >= dueAt && now - dueAt < 4 * grid ? dueAt : now
        dueAt = max(now + 1, Self.aligned(asked + wait, grid))
        return true
    }

    private func isFresh(period: UInt64, now: UInt64) -> Bool {
        now < lastNewsAt + 2 * period
    }

    private mutating func nextPause(cap: UInt64, period: UInt64, times: PollTimes) -> UInt64 {
        let first = min(times.retryMin, max(period / 2, 1_000_000))
        return pauseNs == 0 ? first : max(first, min(pauseNs * 2, cap))
    }

    /// Longest pause of a stream that had news within the last two periods.
    private static func activePauseMax(_ period: UInt64, _ times: PollTimes) -> UInt64 {
        min(max(period / 20, times.retryMin), times.roundMaxActive)
    }

    /// Due times are multiples of a fiftieth of the period, of 1 to 20 ms.
    private static func grid(_ period: UInt64) -> UInt64 {
        min(max(period / 50, 1_000_000), 20_000_000)
    }

    /// `time` moved up to the next multiple of `step`.
    private static func aligned(_ time: UInt64, _ step: UInt64) -> UInt64 {
        (time + step - 1) / step * step
    }
}
