package import Feed

/// Leaves out of batches what people need not be told on standard error, before they are printed.
///
/// Relays that are active one moment and quiet the next are no news; that one is waited for, left out or back is.
package struct NoticeFilter: Sendable {
    package enum Audience: Sendable {
        /// Of a subscriber, who learns everything from the feed.
        case subscriber
        /// Of the coordinator's own notes as well, which tell what is wrong with relays and sessions.
        case coordinator
    }

    private let audience: Audience
    /// Relays that were said to lag, or worse.
    private var troubled: Set<String> = []
    private var hasSession = false

    package init(for audience: Audience) {
        self.audience = audience
    }

    package mutating func filter(_ batch: FeedBatch) -> FeedBatch {
        guard batch.records.contains(where: { $0.isNotice }) else { return batch }
        var told = batch
        told.records = batch.records.compactMap { record in
            switch record {
            case .relay(let change): filter(change).map { .relay($0) }
            case .session(let change): isTold(change.state) ? record : nil
            case .holder: audience == .subscriber ? record : nil
            case .clock(let report): audience == .subscriber && report.isConcerning ? record : nil
            // A subscriber says itself how its feed has ended, and what it does then.
            case .end: audience == .coordinator && hasSession ? record : nil
            // What is lost of a stored trace uncounted could not be decoded: the notes say why, and where.
            case .lost(let loss):
                audience == .coordinator && loss.relay.isEmpty && loss.count == nil ? nil : record
            case .trace, .metadata, .stream, .traceEnd, .streamEnd, .events, .gap, .log, .source, .idle: record
            }
        }
        return told
    }

    private mutating func filter(_ change: RelayStateChange) -> RelayStateChange? {
        switch change.state {
        case .lagging, .excluded, .rejoining:
            troubled.insert(change.relay)
            return audience == .subscriber ? change : nil
        case .active, .quiet:
            guard troubled.remove(change.relay) != nil else { return nil }
            var back = change
            back.state = .active
            if back.reason.isEmpty { back.reason = "keeps up again" }
            return back
        case .connecting, .ended: return nil
        }
    }

    private mutating func isTold(_ state: SessionState) -> Bool {
        switch state {
        case .active, .ended:
            hasSession = true
            return true
        case .held, .lost: return audience == .subscriber
        }
    }
}

extension FeedRecord {
    fileprivate var isNotice: Bool {
        switch self {
        case .relay, .session, .holder, .clock, .lost, .end: true
        case .trace, .metadata, .stream, .traceEnd, .streamEnd, .events, .gap, .log, .source, .idle: false
        }
    }
}

extension ClockReport {
    /// Whether people should know of it. A bound from one side that is less than a millisecond ahead says only that the
    /// network takes its time.
    fileprivate var isConcerning: Bool {
        switch quality {
        case .absent: false
        case .oneSided: stepNs != nil || (lowerNs ?? 0) >= 1_000_000
        case .approximate, .accurate, .failed: true
        }
    }
}
