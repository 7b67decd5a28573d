/// When to ask a stream next: learned from when its replies brought something.
///
/// A tracer's live timer makes each stream say something once a live period: a packet when the stream has events, else a
/// beacon. A stream with events is asked again at short, doubling pauses after it had nothing. A stream that gives beacons
/// is asked once a period, just after its timer's tick. The tick's phase is learned: while asking at the expected time finds
/// a new beacon, the time creeps earlier; when it comes too early, small steps forward find the tick again.
/// Due times lie on a grid, so that streams of one channel (whose ticks are 0.1 ms apart) share a batch.
struct PollState: BitwiseCopyable {
    /// Not asked before.
    private(set) var dueAt: UInt64 = 0
    private var pauseNs: UInt64 = 0
    private var lastNewsAt: UInt64 = 0
    private var lastBeaconCycles: UInt64?
    private var wasEarly = false
    private var ticksUntilCreep = 0

    /// A packet was announced.
    mutating func packetCame(now: UInt64) {
        lastNewsAt = now
        pauseNs = 0
        dueAt = now
    }

    /// The stream may be asked at once.
    mutating func makeDue(now: UInt64) {
        dueAt = now
    }

    /// RETRY: nothing is known.
    mutating func nothingCame(period: UInt64, times: PollTimes, now: UInt64) {
        let cap = isFresh(period: period, now: now) ? Self.activePauseMax(period, times) : min(period, times.retryMax)
        pauseNs = nextPause(cap: cap, period: period, times: times)
        dueAt = Self.aligned(now + pauseNs, period)
    }

    /// INACTIVE. - Returns: whether the beacon is new.
    mutating func beaconCame(_ cycles: UInt64, period: UInt64, times: PollTimes, now: UInt64) -> Bool {
        guard cycles != lastBeaconCycles else {
            wasEarly = true
            let step = min(max(period / 32, 1_000_000), 50_000_000)
            pauseNs = pauseNs == 0 ? step : min(pauseNs * 2, max(step, min(period, times.retryMax)))
            dueAt = Self.aligned(now + pauseNs, period)
            return false
        }
        lastBeaconCycles = cycles
        lastNewsAt = now
        pauseNs = 0
        var wait = period
        if wasEarly {
            wasEarly = false
            ticksUntilCreep = 8
        } else if ticksUntilCreep > 0 {
            ticksUntilCreep -= 1
        } else {
            wait -= period / 64
        }
        // No longer than a quiet stream may wait: a burst can fill a buffer between two ticks of a slow timer.
        dueAt = Self.aligned(now + min(wait, times.retryMax), period)
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

    /// `time` moved up to the next multiple of a fiftieth of the period (1 to 20 ms).
    private static func aligned(_ time: UInt64, _ period: UInt64) -> UInt64 {
        let step = min(max(period / 50, 1_000_000), 20_000_000)
        return (time + step - 1) / step * step
    }
}
