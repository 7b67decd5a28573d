/// When what is known of a clock is worth a record: when it has changed by so much that someone may act otherwise, and
/// not too often.
package struct ClockNews: Sendable {
    /// Records of one clock are at least so far apart, nanoseconds, unless its quality changes or it steps.
    package static let intervalNs: Int64 = 10_000_000_000
    /// A bound from one side that moves by less is no news, nanoseconds: the network makes more.
    package static let oneSidedNs: Int64 = 1_000_000
    /// A bound of two that moves by less is no news, nanoseconds.
    package static let twoSidedNs: Int64 = 1_000
    /// A drift that changes by less is no news, nanoseconds a second.
    package static let driftPpb: Int64 = 1_000

    /// What was told last.
    package private(set) var told: ClockEstimate?
    private var toldAtNs: Int64 = 0

    package init() {}

    /// Looks at what is known by now; what is news counts as told.
    /// - Parameters:
    ///   - hasStepped: the clock has jumped since the last call.
    ///   - nowNs: monotonic nanoseconds.
    package mutating func isNews(_ estimate: ClockEstimate, hasStepped: Bool, nowNs: Int64) -> Bool {
        guard let told else {
            guard estimate.quality != .absent else { return false }
            return tell(estimate, nowNs)
        }
        if hasStepped || estimate.quality != told.quality { return tell(estimate, nowNs) }
        guard nowNs.subtractingSaturating(toldAtNs) >= Self.intervalNs else { return false }
        guard hasMoved(estimate, from: told) else { return false }
        return tell(estimate, nowNs)
    }

    private mutating func tell(_ estimate: ClockEstimate, _ nowNs: Int64) -> Bool {
        told = estimate.quality == .absent ? nil : estimate
        toldAtNs = nowNs
        return true
    }

    private func hasMoved(_ new: ClockEstimate, from old: ClockEstimate) -> Bool {
        if let lower = old.lowerNs, let upper = old.upperNs {
            let least = max(Self.twoSidedNs.magnitude, upper.subtractingSaturating(lower).magnitude / 4)
            if isApart(new.lowerNs, old.lowerNs, by: least) || isApart(new.upperNs, old.upperNs, by: least) {
                return true
            }
        } else if isApart(new.lowerNs, old.lowerNs, by: least(of: old.lowerNs))
            || isApart(new.upperNs, old.upperNs, by: least(of: old.upperNs))
        {
            return true
        }
        guard let drift = old.drift else { return new.drift != nil }
        // Where it is not known for a moment, what was told still stands.
        guard let newDrift = new.drift else { return false }
        let least = max(Self.driftPpb, drift.errorPpb).magnitude
        return isApart(newDrift.ppb, drift.ppb, by: least) || newDrift.errorPpb < drift.errorPpb / 4
    }

    /// How far a bound from one side moves before it is news: a millisecond, or an eighth of what was told.
    private func least(of bound: Int64?) -> UInt64 {
        max(Self.oneSidedNs.magnitude, (bound?.magnitude ?? 0) / 8)
    }

    private func isApart(_ new: Int64?, _ old: Int64?, by least: UInt64) -> Bool {
        guard let new, let old else { return (new == nil) != (old == nil) }
        return new.subtractingSaturating(old).magnitude > least
    }
}
