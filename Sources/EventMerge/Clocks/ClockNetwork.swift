// How many clocks stand to one of them, over chains of pairs.
//
// Clocks are numbered by the caller. A spanning tree is searched from the reference outward: first over pairs that are
// bounded from both sides, then over those whose measurements have failed. Along the tree bounds add up. Each pair is
// looked at when its own first clock says what it says at the moment of the reference: that moment is known within
// bounds only, so what the pair may drift between them is added.

/// Clocks, and what messages say of each pair of them.
package struct ClockNetwork: Sendable {
    /// Pairs that are measured at most: messages of further ones are not looked at.
    package static let pairsMax = 1024

    private struct Pair: Hashable, Sendable {
        /// Less than `second`.
        var first: Int
        var second: Int
    }

    private var pairs: [Pair: PairSkew] = [:]
    /// By clock: the latest time seen, nanoseconds.
    private var latestNs: [Int: Int64] = [:]

    package init() {}

    package var isEmpty: Bool { pairs.isEmpty }

    /// A message has been sent by one clock's host and received by another's.
    /// - Parameters:
    ///   - sender: the number of the clock that `sentNs` is of, nanoseconds.
    ///   - receiver: the number of the clock that `receivedNs` is of, nanoseconds.
    package mutating func matched(sender: Int, sentNs: Int64, receiver: Int, receivedNs: Int64) {
        guard sender != receiver else { return }
        let pair = Pair(first: min(sender, receiver), second: max(sender, receiver))
        guard pairs[pair] != nil || pairs.count < Self.pairsMax else { return }
        latestNs[sender] = max(latestNs[sender] ?? sentNs, sentNs)
        latestNs[receiver] = max(latestNs[receiver] ?? receivedNs, receivedNs)
        if sender == pair.first {
            pairs[pair, default: PairSkew()].sentByA(atNs: sentNs, receivedNs: receivedNs)
        } else {
            pairs[pair, default: PairSkew()].sentByB(atNs: sentNs, receivedNs: receivedNs)
        }
    }

    /// Forgets a clock.
    package mutating func remove(_ clock: Int) {
        latestNs[clock] = nil
        pairs = pairs.filter { $0.key.first != clock && $0.key.second != clock }
    }

    /// What is known of a clock against its reference.
    package struct Standing: Sendable, Equatable {
        package var reference: Int
        /// The clock minus the reference. At least approximate, or failed.
        package var estimate: ClockEstimate
        /// The reference's time that it is of, nanoseconds.
        package var atNs: Int64
    }

    /// Of all clocks that are bounded from both sides, how they stand to the first of `order` that they can be compared
    /// with. References are left out.
    /// - Parameter order: clocks, those first that should be references.
    package mutating func standings(order: [Int]) -> [Int: Standing] {
        var standings: [Int: Standing] = [:]
        var seen: Set<Int> = []
        let neighbours = neighbours()
        for reference in order where !seen.contains(reference) {
            guard let atNs = latestNs[reference] else { continue }
            seen.insert(reference)
            let exact = ClockEstimate(
                quality: .accurate,
                lowerNs: 0,
                upperNs: 0,
                drift: ClockDrift(ppb: 0, errorPpb: 0)
            )
            var frontier: [(clock: Int, estimate: ClockEstimate)] = [(reference, exact)]
            var later: [(clock: Int, estimate: ClockEstimate)] = []
            while !frontier.isEmpty || !later.isEmpty {
                // Whom only failed measurements reach comes last.
                let (clock, estimate) = frontier.isEmpty ? later.removeFirst() : frontier.removeFirst()
                if estimate.quality == .failed {
                    guard !seen.contains(clock) else { continue }
                    seen.insert(clock)
                    standings[clock] = Standing(reference: reference, estimate: estimate, atNs: atNs)
                }
                for next in neighbours[clock] ?? [] where !seen.contains(next) {
                    guard let sum = step(from: clock, estimate, to: next, atNs: atNs) else { continue }
                    if sum.quality == .failed {
                        later.append((next, sum))
                    } else {
                        seen.insert(next)
                        standings[next] = Standing(reference: reference, estimate: sum, atNs: atNs)
                        frontier.append((next, sum))
                    }
                }
            }
        }
        return standings
    }

    private func neighbours() -> [Int: [Int]] {
        var neighbours: [Int: [Int]] = [:]
        for pair in pairs.keys {
            neighbours[pair.first, default: []].append(pair.second)
            neighbours[pair.second, default: []].append(pair.first)
        }
        return neighbours.mapValues { $0.sorted() }
    }

    // MARK: Chains

    /// How `next` stands to the reference, where `clock` is known to; nil where the two are not bounded from both
    /// sides.
    private mutating func step(
        from clock: Int,
        _ known: ClockEstimate,
        to next: Int,
        atNs: Int64
    ) -> ClockEstimate? {
        guard let lower = known.lowerNs, let upper = known.upperNs else { return nil }
        // What `clock` says at the reference's moment.
        let halfNs = upper.subtractingSaturating(lower) / 2 + 1
        let clockNs = atNs.addingSaturating(lower).addingSaturating(halfNs)
        guard let edge = edge(from: clock, to: next, atNs: clockNs, withinNs: halfNs), let least = edge.lowerNs,
            let most = edge.upperNs
        else { return nil }
        var sum = ClockEstimate(quality: worse(known.quality, edge.quality))
        sum.lowerNs = lower.addingSaturating(least)
        sum.upperNs = upper.addingSaturating(most)
        if let first = known.drift, let second = edge.drift {
            // Drifts are per second of different clocks: what that makes is in the error.
            let greatest =
                Int128(first.ppb.magnitude) + Int128(first.errorPpb) + Int128(second.ppb.magnitude)
                + Int128(second.errorPpb)
            let mixed = Int64(clamping: 2 * greatest * greatest / 1_000_000_000 + 1)
            sum.drift = ClockDrift(
                ppb: first.ppb.addingSaturating(second.ppb),
                errorPpb: first.errorPpb.addingSaturating(second.errorPpb).addingSaturating(mixed)
            )
        }
        return sum
    }

    private func worse(_ first: SyncQuality, _ second: SyncQuality) -> SyncQuality {
        first == .failed || second == .failed
            ? .failed : first == .approximate || second == .approximate ? .approximate : .accurate
    }

    /// `next` minus `clock` while `clock` is within `halfNs` of `atNs`; nil where one side has no bound.
    private mutating func edge(from clock: Int, to next: Int, atNs: Int64, withinNs halfNs: Int64) -> ClockEstimate? {
        if clock < next {
            guard let found = estimate(Pair(first: clock, second: next), atNs: atNs) else { return nil }
            return found.widened(byNs: Self.drifted(halfNs))
        }
        // The pair is looked at by the time of `next`: what that is follows from the pair itself.
        let pair = Pair(first: next, second: clock)
        guard let near = estimate(pair, atNs: atNs), let middle = near.middleNs else { return nil }
        guard let found = estimate(pair, atNs: atNs.subtractingSaturating(middle)), let lower = found.lowerNs,
            let upper = found.upperNs
        else { return nil }
        let offNs = max(
            upper.subtractingSaturating(middle).magnitude,
            middle.subtractingSaturating(lower).magnitude
        )
        let withinNs = Int64(clamping: offNs).addingSaturating(Int64(clamping: offNs)).addingSaturating(halfNs)
        return found.widened(byNs: Self.drifted(withinNs)).turned
    }

    /// An estimate that is bounded from both sides; nil where it is not.
    private mutating func estimate(_ pair: Pair, atNs: Int64) -> ClockEstimate? {
        // In place: a copy would copy the hulls.
        guard let estimate = pairs[pair]?.estimate(atNs: atNs) else { return nil }
        return estimate.lowerNs != nil && estimate.upperNs != nil ? estimate : nil
    }

    /// What a pair drifts at most within a time, nanoseconds.
    private static func drifted(_ spanNs: Int64) -> Int64 {
        let drift = Int128(spanNs) * Int128(PairSkew.driftPpbMax)
        return Int64(clamping: SkewProgramme.ceiling(drift, 1_000_000_000))
    }
}

extension ClockEstimate {
    /// Between the two bounds; nil where there are not both.
    package var middleNs: Int64? {
        guard let lowerNs, let upperNs else { return nil }
        return lowerNs.addingSaturating(upperNs.subtractingSaturating(lowerNs) / 2)
    }

    func widened(byNs widthNs: Int64) -> ClockEstimate {
        var wider = self
        wider.lowerNs = lowerNs?.subtractingSaturating(widthNs)
        wider.upperNs = upperNs?.addingSaturating(widthNs)
        return wider
    }

    /// The other clock minus this one.
    var turned: ClockEstimate {
        var turned = self
        turned.lowerNs = upperNs.map { Int64(0).subtractingSaturating($0) }
        turned.upperNs = lowerNs.map { Int64(0).subtractingSaturating($0) }
        turned.drift = drift.map { ClockDrift(ppb: Int64(0).subtractingSaturating($0.ppb), errorPpb: $0.errorPpb) }
        return turned
    }
}
