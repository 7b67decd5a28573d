import Coordinator
import Feed
import SimulatedRelay

/// Coordinators below one that merges their feeds, in one virtual time.
final class TreeTrial {
    let leaves: [CoordinatorTrial]
    let root: CoordinatorTrial

    /// - Parameters:
    ///   - groups: the relays of each coordinator below the root; they are named one after the other.
    ///   - isReversed: the last of these coordinators is the root's first source.
    ///   - rootLimits: nil: those of the coordinators below.
    init(
        _ groups: [[RelayScript]],
        stallAfterNs: UInt64? = nil,
        start: RelaySource.Start = .beginning,
        rootDeaths: [Int] = [],
        delayNs: UInt64 = 100_000,
        limits: CoordinatorLimits = CoordinatorLimits(),
        rootLimits: CoordinatorLimits? = nil,
        isReversed: Bool = false,
        feedRules: [AllowRule] = [AllowRule(identity: "*")]
    ) {
        var first = 0
        var leaves: [CoordinatorTrial] = []
        for (number, scripts) in groups.enumerated() {
            leaves.append(
                CoordinatorTrial(
                    scripts,
                    stallAfterNs: stallAfterNs,
                    lifetime: .service,
                    limits: limits,
                    startsAtOnce: false,
                    firstRelay: first,
                    node: TrialNode(feed: FeedID(high: 10, low: UInt64(number)))
                )
            )
            first += scripts.count
        }
        self.leaves = leaves
        root = CoordinatorTrial(
            stallAfterNs: stallAfterNs,
            lifetime: .service,
            start: start,
            delayNs: delayNs,
            limits: rootLimits ?? limits,
            startsAtOnce: false,
            feeds: isReversed ? leaves.reversed().map(\.node) : leaves.map(\.node),
            feedRules: feedRules
        )
        root.deaths = rootDeaths
        for leaf in leaves { leaf.start() }
        root.start()
    }

    func run(untilNs endNs: UInt64) { Self.run(leaves + [root], untilNs: endNs) }

    /// Lets time pass for all of them together, those first that are named first.
    static func run(_ trials: [CoordinatorTrial], untilNs endNs: UInt64) {
        while let nextNs = trials.compactMap(\.nextEventNs).min(), nextNs <= endNs {
            for trial in trials { trial.run(untilNs: nextNs) }
        }
        for trial in trials { trial.run(untilNs: endNs) }
    }
}

extension CoordinatorTrial {
    /// What a subscriber must not see twice, nor miss: losses, without the names before a relay's own.
    var saidLosses: [String] {
        losses.map { loss in
            let relay = loss.relay.split(separator: "/").last ?? ""
            return "\(relay) \(loss.host) \(loss.session) \(loss.unit) \(loss.count ?? 0) \(loss.reason)"
        }
    }
}
