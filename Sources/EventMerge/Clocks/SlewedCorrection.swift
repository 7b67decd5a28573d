/// What is added to a clock's times: changed in slopes, each of which begins behind all that has been corrected.
///
/// All times of a clock are corrected by one function of the clock's time, of which more becomes known with each
/// change and nothing that is known ever changes: so whatever is ordered by the clock stays ordered. Only one slope is
/// kept: it changes again when everything that is read by the clock has passed it.
package struct SlewedCorrection: Sendable, Equatable {
    /// How much it changes in a second of the clock at most, nanoseconds: 5 %.
    package static let slopeNsPerSecond: Int64 = 50_000_000
    /// What one slope changes at most, nanoseconds: the rest waits for the next.
    package static let changeNsMax: Int64 = 10_000_000_000
    /// It is never more, nanoseconds either way.
    package static let correctionNsMax: Int64 = 1 << 60

    /// Up to `beginNs`, and from `endNs` on; evenly from one to the other between. Equal where it does not change.
    package private(set) var fromNs: Int64 = 0
    package private(set) var toNs: Int64 = 0
    package private(set) var beginNs: Int64 = 0
    package private(set) var endNs: Int64 = 0

    package init() {}

    /// As it was before.
    package init(fromNs: Int64, toNs: Int64, beginNs: Int64, endNs: Int64) {
        self.fromNs = fromNs
        self.toNs = toNs
        self.beginNs = beginNs
        self.endNs = endNs
    }

    package var isConstant: Bool { beginNs == endNs }

    /// Turns toward another amount.
    /// - Parameters:
    ///   - targetNs: what would be right, nanoseconds.
    ///   - correctedNs: the latest time of the clock that has been corrected, nanoseconds.
    ///   - passedNs: the latest time of the clock that everything which is read by it has passed.
    /// - Returns: whether it does: false where the last slope is still needed.
    package mutating func aim(at targetNs: Int64, correctedNs: Int64, passedNs: Int64) -> Bool {
        guard isConstant || passedNs >= endNs, correctedNs < .max - 20 * Self.changeNsMax else { return false }
        let target = min(max(targetNs, -Self.correctionNsMax), Self.correctionNsMax)
        let changeNs = min(max(target - toNs, -Self.changeNsMax), Self.changeNsMax)
        guard changeNs != 0 else { return false }
        fromNs = toNs
        toNs += changeNs
        beginNs = max(correctedNs, isConstant ? .min : endNs)
        endNs = beginNs + Int64(changeNs.magnitude) * (1_000_000_000 / Self.slopeNsPerSecond)
        return true
    }
}
