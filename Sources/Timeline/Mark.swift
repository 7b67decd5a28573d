package import Feed

/// Something that happened besides events. Times are nanoseconds since the Unix epoch.
package struct Mark: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        /// A relay's time outside of W.
        case excluded(relay: String, reason: String)
        case lost(LossRecord)
        /// A host's clock has jumped.
        case step(stepNs: Int64, errorNs: UInt64)
        /// What cannot be given back.
        case gap(reason: String)
    }

    package var kind: Kind
    /// The lane it concerns, or the closest one above it. Of an exclusion, see `MarkList`.
    package var lane: UInt32
    package var fromNs: Int64?
    /// Nil where unknown, and of an exclusion that still goes on.
    package var toNs: Int64?
    /// W before the frame that said it.
    package var saidNs: Int64?
    /// In which revision it began or ended.
    package var changedAt: UInt64

    /// The time that density counts a loss at: its end, else its begin, else W when it was said.
    package var columnNs: Int64? { toNs ?? fromNs ?? saidNs }

    private var isOpen: Bool { if case .excluded = kind { toNs == nil } else { false } }

    /// Whether it touches a range of time, whose end is exclusive.
    func touches(fromNs: Int64, toNs: Int64) -> Bool {
        let begin = self.fromNs ?? self.toNs ?? saidNs ?? .min
        let end = isOpen ? .max : self.toNs ?? self.fromNs ?? saidNs ?? .min
        return begin < toNs && end >= fromNs
    }
}

/// What happened besides events, kept as the feed flows. Exclusions have a list of their own, so that losses do not
/// push them out.
package struct MarkList: Sendable {
    private let othersMax: Int
    private static let exclusionsMax = 16_384
    private static let clocksMax = 4096

    private struct ClockKey: Hashable {
        var names: [String]
    }

    /// By begin; an exclusion is of a relay, and its lane is 0: it concerns all lanes of the relay's hosts.
    private(set) var exclusions: [Mark] = []
    private(set) var others: [Mark] = []
    /// Which relays are excluded now: index of `exclusions`.
    private var open: [String: Int] = [:]
    /// W at the last report of each pair of clocks.
    private var reports: [ClockKey: Int64] = [:]
    /// Up to which time losses and steps have been cut off, for want of room.
    package private(set) var cutNs: Int64?

    init(othersMax: Int) {
        self.othersMax = max(2, othersMax)
    }

    mutating func note(_ change: RelayStateChange, watermarkNs: Int64?, revision: UInt64) {
        switch change.state {
        case .excluded:
            guard open[change.relay] == nil else { return }
            if exclusions.count >= Self.exclusionsMax { forgetOldestExclusions() }
            open[change.relay] = exclusions.count
            exclusions.append(
                Mark(
                    kind: .excluded(relay: change.relay, reason: change.reason),
                    lane: 0,
                    fromNs: change.frontierNs ?? watermarkNs,
                    toNs: nil,
                    saidNs: watermarkNs,
                    changedAt: revision
                )
            )
        case .rejoining, .connecting: break
        case .active, .quiet, .lagging, .ended:
            guard let index = open.removeValue(forKey: change.relay) else { return }
            exclusions[index].toNs = max(watermarkNs ?? .min, exclusions[index].fromNs ?? .min)
            exclusions[index].changedAt = revision
        }
    }

    /// Those that still go on stay.
    private mutating func forgetOldestExclusions() {
        let still = Set(open.values)
        let half = exclusions.count / 2
        keepExclusions { $0 >= half || still.contains($0) }
    }

    private mutating func keepExclusions(_ isKept: (Int) -> Bool) {
        var moved: [Int: Int] = [:]
        var kept: [Mark] = []
        for index in exclusions.indices where isKept(index) {
            moved[index] = kept.count
            kept.append(exclusions[index])
        }
        exclusions = kept
        open = open.compactMapValues { moved[$0] }
    }

    mutating func note(_ loss: LossRecord, lane: UInt32, watermarkNs: Int64?, revision: UInt64) {
        append(
            Mark(
                kind: .lost(loss),
                lane: lane,
                fromNs: loss.fromNs,
                toNs: loss.toNs,
                saidNs: watermarkNs,
                changedAt: revision
            )
        )
    }

    mutating func note(_ report: ClockReport, lane: UInt32, watermarkNs: Int64?, revision: UInt64) {
        let key = ClockKey(
            names: [report.relay, report.host, report.clock, report.referenceRelay, report.referenceHost]
        )
        if let stepNs = report.stepNs {
            append(
                Mark(
                    kind: .step(stepNs: stepNs, errorNs: report.stepErrorNs),
                    lane: lane,
                    fromNs: reports[key],
                    toNs: watermarkNs,
                    saidNs: watermarkNs,
                    changedAt: revision
                )
            )
        }
        if reports[key] == nil, reports.count >= Self.clocksMax { reports.removeAll() }
        reports[key] = watermarkNs
    }

    mutating func note(_ gap: GapRecord, watermarkNs: Int64?, revision: UInt64) {
        append(
            Mark(
                kind: .gap(reason: gap.reason),
                lane: 0,
                fromNs: watermarkNs,
                toNs: nil,
                saidNs: watermarkNs,
                changedAt: revision
            )
        )
    }

    private mutating func append(_ mark: Mark) {
        if others.count >= othersMax {
            let cut = others.count / 2
            cutNs = others[..<cut].compactMap(\.columnNs).reduce(cutNs) { max($0 ?? .min, $1) }
            others.removeFirst(cut)
        }
        others.append(mark)
    }

    /// Of those that are kept.
    var losses: some Sequence<Mark> {
        others.lazy.filter { if case .lost = $0.kind { true } else { false } }
    }

    /// Forgets what was over before a time.
    mutating func drop(beforeNs: Int64) {
        let still = Set(open.values)
        let old = exclusions
        keepExclusions { still.contains($0) || old[$0].touches(fromNs: beforeNs, toNs: .max) }
        others.removeAll { !$0.touches(fromNs: beforeNs, toNs: .max) }
    }

    /// The marks that touch a range: exclusions first, then by their end.
    /// - Parameters:
    ///   - limit: of those that are no exclusions.
    /// - Returns: and whether there are more, or were.
    /// - Complexity: O(marks · log marks found).
    package func marks(
        fromNs: Int64,
        toNs: Int64,
        limit: Int
    ) -> (marks: [Mark], more: Bool) {
        func byEnd(_ left: Mark, _ right: Mark) -> Bool {
            (left.toNs ?? left.columnNs ?? .max) < (right.toNs ?? right.columnNs ?? .max)
        }
        let spans = exclusions.filter { $0.touches(fromNs: fromNs, toNs: toNs) }
        let found = others.filter { $0.touches(fromNs: fromNs, toNs: toNs) }.sorted(by: byEnd)
        let isCut = cutNs.map { $0 >= fromNs } ?? false
        return (spans.sorted(by: byEnd) + found.prefix(limit), found.count > limit || isCut)
    }

    /// The marks that began or ended after a revision.
    package func changed(since revision: UInt64) -> [Mark] {
        (exclusions + others).filter { $0.changedAt > revision }
    }
}
