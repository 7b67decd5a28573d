// What the arrival of beacons and packet ends says of the clock that they were taken from.
//
// A beacon b is read from a host's clock before it arrives, when ours says a. So at the moment of reading the host's
// clock was ahead of ours by at least b - a: its *lead*. A lead is a proof, whatever the network did; the greatest lead
// is the tightest. It proves a clock that runs ahead; of one that runs behind it cannot be told from a long way.
//
// Step and drift are estimates on top of it. The way takes its least time now and then, so the greatest leads of short
// spans of time (*buckets*) follow the clock, apart from what the least way varies. A bucket that leaves the range of
// those before it by more than that range is wide, followed by others that agree with it, is a step; back it takes
// more of them, since a way that is longer for a while looks the same. The edge of the leads' upper hull that spans the
// middle of the last minutes is the drift.
//
// `ours` is any clock that is not set: a monotonic one. Memory: fixed, less than 3 KiB. Cost of a sample: O(1).

/// Bounds a clock from one side, and watches it for steps and drift.
package struct ArrivalWatch: Sendable {
    /// How long a bucket is, nanoseconds.
    package static let bucketNs: Int64 = 2_000_000_000
    /// How many buckets a lead is kept for.
    package static let windowBuckets: Int64 = 30
    /// How long a lead is kept, nanoseconds.
    package static let windowNs = bucketNs * windowBuckets

    /// Buckets that a new one is compared with, at most and at least.
    private static let levelBucketsMax = 8
    private static let levelBucketsMin = 4
    /// Buckets that agree on a new level before it is a step, forward and back.
    private static let forwardBuckets = 3
    private static let backwardBuckets = 8
    /// Less than this is no step, nanoseconds.
    package static let stepNsMin: Int64 = 10_000_000
    /// Buckets in a point of the drift, and points that are kept: ten minutes.
    private static let pointBuckets = 10
    private static let pointsMax = 30
    private static let pointsMin = 4
    /// A drift that may be off by more is not told, nanoseconds a second.
    package static let driftErrorPpbMax: Int64 = 100_000
    /// Leads are less than this, so that their differences are numbers.
    private static let leadNsMax: Int64 = 1 << 62

    /// A lead and when it was proven.
    private struct Lead {
        /// The bucket.
        var number: Int64
        /// Our clock, nanoseconds.
        var atNs: Int64
        var leadNs: Int64
    }

    /// By bucket, modulo `windowBuckets`: the greatest lead of all samples.
    private var window = [Lead?](repeating: nil, count: Int(windowBuckets))
    /// The greatest lead of the present bucket, of current samples.
    private var open: Lead?
    /// Of the last buckets at the present level.
    private var level: [Lead] = []
    /// Buckets that have left it, all to the same side.
    private var suspects: [Lead] = []
    private var points: [Lead] = []
    /// Buckets in the last point.
    private var pointBuckets = 0
    private var step: ClockStep?

    package init() {}

    /// Whether nothing has been sampled within the window.
    package func isEmpty(nowNs: Int64) -> Bool { leadNs(nowNs: nowNs) == nil }

    /// Takes notice of a time that a host said.
    /// - Parameters:
    ///   - clockNs: the host's clock, nanoseconds from any zero that stays.
    ///   - arrivalNs: our clock when it had arrived, nanoseconds from any zero that stays.
    ///   - isCurrent: it is known to have come without having waited for older data; others prove what they prove, but
    ///     are not looked at for steps and drift.
    package mutating func sample(clockNs: Int64, arrivalNs: Int64, isCurrent: Bool) {
        let (leadNs, overflow) = clockNs.subtractingReportingOverflow(arrivalNs)
        guard !overflow, leadNs.magnitude < Self.leadNsMax.magnitude, arrivalNs >= 0 else { return }
        let lead = Lead(number: arrivalNs / Self.bucketNs, atNs: arrivalNs, leadNs: leadNs)
        let place = Int(lead.number % Self.windowBuckets)
        let kept = window[place] ?? Lead(number: -1, atNs: 0, leadNs: 0)
        if kept.number < lead.number || (kept.number == lead.number && kept.leadNs < leadNs) { window[place] = lead }
        guard isCurrent else { return }
        advance(to: arrivalNs)
        guard let open, open.number >= lead.number else {
            self.open = lead
            return
        }
        if open.number == lead.number, open.leadNs < leadNs { self.open = lead }
    }

    /// Lets our clock go on: looks at the bucket that is over by now.
    package mutating func advance(to nowNs: Int64) {
        guard let closed = open, closed.number < nowNs / Self.bucketNs else { return }
        open = nil
        close(closed)
    }

    /// The clock is, or was within the window, at least this far ahead of ours, nanoseconds (host's zero to our zero
    /// included); nil: nothing has come within the window.
    package func leadNs(nowNs: Int64) -> Int64? {
        let oldest = nowNs / Self.bucketNs - Self.windowBuckets
        var greatest: Int64?
        for case let lead? in window where lead.number > oldest {
            greatest = max(greatest ?? lead.leadNs, lead.leadNs)
        }
        return greatest
    }

    /// The step that was found since the last call.
    package mutating func takeStep() -> ClockStep? {
        defer { step = nil }
        return step
    }

    // MARK: Steps

    private mutating func close(_ bucket: Lead) {
        if let last = level.last, bucket.number - last.number > Self.windowBuckets {
            // What a clock has drifted meanwhile is not to be taken for a step.
            restart(from: [])
        }
        guard level.count >= Self.levelBucketsMin, let low = level.map(\.leadNs).min(),
            let high = level.map(\.leadNs).max()
        else { return follow(bucket) }
        let margin = max(high - low, Self.stepNsMin)
        let beyond = bucket.leadNs > high ? bucket.leadNs - high : min(bucket.leadNs - low, 0)
        guard beyond.magnitude > margin.magnitude else {
            suspects.removeAll(keepingCapacity: true)
            return follow(bucket)
        }
        if let suspect = suspects.first, (suspect.leadNs > high) != (beyond > 0) { suspects.removeAll() }
        suspects.append(bucket)
        guard suspects.count == (beyond > 0 ? Self.forwardBuckets : Self.backwardBuckets) else { return }
        settle(high: high, noiseNs: high - low)
    }

    /// Buckets enough in turn have left the level to the same side.
    private mutating func settle(high: Int64, noiseNs: Int64) {
        let leads = suspects.map(\.leadNs)
        guard let newLow = leads.min(), let newHigh = leads.max() else { return }
        let jumpNs = newHigh - high
        let newNoiseNs = newHigh - newLow
        if newNoiseNs.magnitude <= jumpNs.magnitude / 2 {
            step = ClockStep(stepNs: jumpNs, errorNs: noiseNs.addingSaturating(newNoiseNs))
            restart(from: suspects)
        } else {
            // They do not agree with each other: it varies more than was seen.
            for suspect in suspects { follow(suspect) }
            suspects.removeAll()
        }
    }

    /// What was proven of the clock as it was set before says nothing of it any more.
    private mutating func restart(from buckets: [Lead]) {
        level.removeAll(keepingCapacity: true)
        suspects.removeAll(keepingCapacity: true)
        points.removeAll(keepingCapacity: true)
        pointBuckets = 0
        if let first = buckets.first {
            for index in window.indices {
                if let lead = window[index], lead.number < first.number { window[index] = nil }
            }
        }
        for bucket in buckets { follow(bucket) }
    }

    /// The bucket is at the present level.
    private mutating func follow(_ bucket: Lead) {
        if level.count == Self.levelBucketsMax { level.removeFirst() }
        level.append(bucket)
        if let last = points.last, pointBuckets < Self.pointBuckets {
            pointBuckets += 1
            if last.leadNs < bucket.leadNs { points[points.count - 1] = bucket }
            return
        }
        if points.count == Self.pointsMax { points.removeFirst() }
        points.append(bucket)
        pointBuckets = 1
    }

    // MARK: Drift

    /// How much the clock gains on ours; nil: not known yet.
    ///
    /// It is right if the least way of the points varied no more than the points lie off the hull's edge, twice over.
    package var drift: ClockDrift? {
        guard points.count >= Self.pointsMin, let first = points.first, let last = points.last else { return nil }
        let hull = Self.upperHull(points)
        let middle = first.atNs + (last.atNs - first.atNs) / 2
        guard let right = hull.firstIndex(where: { $0.atNs > middle }), right > 0 else { return nil }
        let (from, to) = (hull[right - 1], hull[right])
        let span = Int128(to.atNs - from.atNs)
        let rise = Int128(to.leadNs) - Int128(from.leadNs)
        var belowMax: Int128 = 0
        for point in points {
            let edge = Int128(from.leadNs) + rise * Int128(point.atNs - from.atNs) / span
            belowMax = max(belowMax, edge - Int128(point.leadNs))
        }
        let ppb = rise * 1_000_000_000 / span
        let errorPpb = 2 * (belowMax + 1) * 1_000_000_000 / span + 1
        guard errorPpb <= Int128(Self.driftErrorPpbMax), let drift = Int64(exactly: ppb) else { return nil }
        return ClockDrift(ppb: drift, errorPpb: Int64(errorPpb))
    }

    /// The corners of the least line that bends down only and has no point above it.
    private static func upperHull(_ points: [Lead]) -> [Lead] {
        var hull: [Lead] = []
        for point in points {
            while hull.count >= 2 {
                let (first, second) = (hull[hull.count - 2], hull[hull.count - 1])
                let rise = Int128(point.leadNs) - Int128(first.leadNs)
                let riseToSecond = Int128(second.leadNs) - Int128(first.leadNs)
                guard riseToSecond * Int128(point.atNs - first.atNs) <= rise * Int128(second.atNs - first.atNs) else {
                    break
                }
                hull.removeLast()
            }
            hull.append(point)
        }
        return hull
    }
}
