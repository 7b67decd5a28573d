// How two clocks A and B stand to each other, from messages that pass between their hosts.
//
// Let g(x) be B - A when A says x. A message that A sent at s and B received at r says g(s) <= r - s, for B's clock
// cannot have been later than r; one that B sent at s and A received at r says g(r) >= s - r. Over minutes g is taken
// for a line whose slope is at most `driftPpbMax`, so each message is a half plane in (offset, slope), and all that is
// known at a time is a linear programme in two variables: the greatest and the least value that any line may have that
// passes under all of the first points and over all of the second. Its bounds follow from at most two points at once
// (duality), so looking at all pairs of the two hulls' corners gives them exactly; they are rounded outward.
//
// Contradictions (no line passes) mean that a clock was set or that the line is none. Then all points are let go, and
// what was known last is said until there are new ones.
//
// Memory: four hulls, less than 3 KiB. Cost: O(corners) a message, O(corners squared) an estimate.

/// Bounds how one clock stands to another from both sides.
package struct PairSkew: Sendable {
    /// Clocks gain on each other by at most this, nanoseconds a second: 1000 ppm, twice what an NTP daemon slews by.
    package static let driftPpbMax: Int64 = 1_000_000
    /// Points are kept for at least this long and at most twice as long, by A's clock, nanoseconds.
    package static let spanNs: Int64 = 300_000_000_000
    /// Times and differences are less than this, so that their products are numbers of 128 bits.
    private static let valueMax: Int64 = 1 << 62

    /// Constraints of a span of time: upper ones, and lower ones with their sign turned.
    private struct Constraints {
        /// Where the span begins, by A's clock, nanoseconds; nil without points.
        var beginNs: Int64?
        var upper = ConstraintHull()
        var lowerTurned = ConstraintHull()
    }

    private var present = Constraints()
    private var past = Constraints()
    private var lastSound: ClockEstimate?
    private var hasFailed = false

    package init() {}

    /// A message from A to B.
    /// - Parameters:
    ///   - sentNs: A's clock when it was sent, or before.
    ///   - receivedNs: B's clock when it was received, or after.
    package mutating func sentByA(atNs sentNs: Int64, receivedNs: Int64) {
        let (most, overflow) = receivedNs.subtractingReportingOverflow(sentNs)
        guard !overflow, most.magnitude < Self.valueMax.magnitude, turn(to: sentNs) else { return }
        present.upper.insert(ConstraintHull.Point(x: sentNs, y: most))
    }

    /// A message from B to A.
    /// - Parameters:
    ///   - sentNs: B's clock when it was sent, or before.
    ///   - receivedNs: A's clock when it was received, or after.
    package mutating func sentByB(atNs sentNs: Int64, receivedNs: Int64) {
        let (least, overflow) = sentNs.subtractingReportingOverflow(receivedNs)
        guard !overflow, least.magnitude < Self.valueMax.magnitude, turn(to: receivedNs) else { return }
        present.lowerTurned.insert(ConstraintHull.Point(x: receivedNs, y: -least))
    }

    /// Lets go of what is too old at a time of A.
    /// - Returns: whether a point of that time may be taken.
    private mutating func turn(to atNs: Int64) -> Bool {
        guard atNs.magnitude < Self.valueMax.magnitude else { return false }
        guard let beginNs = present.beginNs else {
            present.beginNs = atNs
            return true
        }
        let ageNs = atNs.subtractingSaturating(beginNs)
        if ageNs < 0 { return ageNs > -Self.spanNs }
        guard ageNs >= Self.spanNs else { return true }
        past = ageNs < 2 * Self.spanNs ? present : Constraints()
        present = Constraints(beginNs: atNs)
        return true
    }

    // MARK: Estimates

    /// What is known at a time of A, nanoseconds.
    ///
    /// A contradiction makes this and later ones `failed`, with the values of the last that was sound, until messages
    /// have come both ways since.
    package mutating func estimate(atNs: Int64) -> ClockEstimate {
        let programme = SkewProgramme(
            upper: past.upper.points + present.upper.points,
            lowerTurned: past.lowerTurned.points + present.lowerTurned.points
        )
        guard programme.isSound else {
            (present, past) = (Constraints(), Constraints())
            hasFailed = true
            return failed
        }
        if hasFailed, programme.isOneSided { return failed }
        hasFailed = false
        let estimate = programme.estimate(atNs: min(max(atNs, -Self.valueMax), Self.valueMax))
        lastSound = estimate
        return estimate
    }

    private var failed: ClockEstimate {
        var estimate = lastSound ?? ClockEstimate(quality: .failed)
        estimate.quality = .failed
        return estimate
    }
}

/// The programme of one moment.
struct SkewProgramme {
    typealias Point = ConstraintHull.Point

    /// The line passes under these.
    let upper: [Point]
    /// The line, its sign turned, passes under these.
    let lowerTurned: [Point]

    var isOneSided: Bool { upper.isEmpty || lowerTurned.isEmpty }

    /// Whether any line passes.
    var isSound: Bool {
        upper.allSatisfy { isUnder($0, lowerTurned) } && lowerTurned.allSatisfy { isUnder($0, upper) }
    }

    /// Whether a line that passes under `others` may pass through what `point`, turned, asks for.
    private func isUnder(_ point: Point, _ others: [Point]) -> Bool {
        guard let most = Self.greatest(atNs: point.x, under: others, over: [], rounding: Self.floor) else {
            return true
        }
        return most >= -Int128(point.y)
    }

    func estimate(atNs: Int64) -> ClockEstimate {
        let most = Self.greatest(atNs: atNs, under: upper, over: lowerTurned, rounding: Self.ceiling)
        let leastTurned = Self.greatest(atNs: atNs, under: lowerTurned, over: upper, rounding: Self.ceiling)
        var estimate = ClockEstimate(
            quality: most == nil && leastTurned == nil ? .absent : .oneSided,
            lowerNs: leastTurned.map { Int64(clamping: -$0) },
            upperNs: most.map { Int64(clamping: $0) }
        )
        guard most != nil, leastTurned != nil else { return estimate }
        let slopes = (
            least: -Self.steepest(under: lowerTurned, over: upper), most: Self.steepest(under: upper, over: lowerTurned)
        )
        let isKnown = slopes.most < Int128(PairSkew.driftPpbMax) && slopes.least > -Int128(PairSkew.driftPpbMax)
        estimate.quality = isKnown ? .accurate : .approximate
        if isKnown {
            let middle = Self.floor(slopes.least + slopes.most, 2)
            estimate.drift = ClockDrift(ppb: Int64(middle), errorPpb: Int64(max(0, slopes.most - middle)))
        }
        return estimate
    }

    /// The greatest value at a time of all lines under the points `under` and over the points `over`, whose sign is
    /// turned; nil: there is no bound.
    static func greatest(
        atNs: Int64,
        under: [Point],
        over: [Point],
        rounding: (Int128, Int128) -> Int128
    ) -> Int128? {
        var least: Int128?
        func take(_ value: Int128) { least = min(least ?? value, value) }
        for (index, point) in under.enumerated() {
            let distance = Int128(atNs) - Int128(point.x)
            let drift = rounding(Int128(distance.magnitude) * Int128(PairSkew.driftPpbMax), 1_000_000_000)
            take(Int128(point.y) + drift)
            // Between two points: not above the line through them.
            for other in under[(index + 1)...] where (point.x < atNs) == (atNs < other.x) && other.x != point.x {
                let (span, rise) = (Int128(other.x) - Int128(point.x), Int128(other.y) - Int128(point.y))
                take(Int128(point.y) + rounding(span < 0 ? -rise * distance : rise * distance, span < 0 ? -span : span))
            }
            // Beyond a point: not steeper than from the one that it was over.
            for other in over where other.x != point.x && (other.x < point.x) == (point.x <= atNs) {
                let (span, rise) = (Int128(point.x) - Int128(other.x), Int128(point.y) + Int128(other.y))
                take(Int128(point.y) + rounding(span < 0 ? -rise * distance : rise * distance, span < 0 ? -span : span))
            }
        }
        return least
    }

    /// The greatest slope of such a line, nanoseconds a second, rounded up.
    static func steepest(under: [Point], over: [Point]) -> Int128 {
        var least = Int128(PairSkew.driftPpbMax)
        for point in under {
            for other in over where other.x < point.x {
                let (span, rise) = (Int128(point.x) - Int128(other.x), Int128(point.y) + Int128(other.y))
                least = min(least, ceiling(rise * 1_000_000_000, span))
            }
        }
        return least
    }

    // MARK: Rounding

    /// - Parameter divisor: > 0.
    static func floor(_ dividend: Int128, _ divisor: Int128) -> Int128 {
        let (quotient, remainder) = dividend.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }

    /// - Parameter divisor: > 0.
    static func ceiling(_ dividend: Int128, _ divisor: Int128) -> Int128 { -floor(-dividend, divisor) }
}
