package import Feed

extension TimelineModel {
    /// What somebody sees of a mark: nothing, or the mark, once for each lane that it concerns. An exclusion concerns
    /// the lanes of all hosts of its relay.
    /// - Parameter view: what `scope` may see; nil: all.
    package func shown(_ mark: Mark, to scope: ViewScope = .full, view: LaneView? = nil) -> [Mark] {
        switch mark.kind {
        case .excluded(let relay, let reason):
            guard scope.allows(relay: relay) else { return [] }
            return lanes.hosts(ofRelay: relay).filter { view?.shown.contains($0) != false }.map { lane in
                var shown = mark
                shown.lane = lane
                // It may name hosts and sessions.
                shown.kind = .excluded(relay: relay, reason: scope.allowsAll(relay: relay) ? reason : "")
                return shown
            }
        case .lost, .step: return view?.counted.contains(mark.lane) == false ? [] : [mark]
        case .gap: return [mark]
        }
    }

    /// The marks that touch a range: exclusions first, then by their end.
    /// - Parameters:
    ///   - fromNs: inclusive; `toNs` exclusive.
    ///   - limit: of those that are no exclusions.
    /// - Returns: and whether there are more, or were.
    package func marks(
        fromNs: Int64,
        toNs: Int64,
        limit: Int,
        scope: ViewScope = .full,
        view: LaneView? = nil
    ) -> (marks: [Mark], more: Bool) {
        var seen: [Mark] = []
        let all = marks.marks(fromNs: fromNs, toNs: toNs, limit: .max)
        var others = 0
        for mark in all.marks {
            let shown = shown(mark, to: scope, view: view)
            guard !shown.isEmpty else { continue }
            if case .excluded = mark.kind {
            } else {
                others += 1
                guard others <= limit else { return (seen, true) }
            }
            seen += shown
        }
        return (seen, all.more)
    }
}
