import CTF

/// Leaves out of batches what a scope may not see. Slices go as a whole; what stays keeps its order.
package struct ScopeFilter: Sendable {
    let scope: ViewScope
    /// Traces that may be seen, and those that may not.
    private var isVisible: [UInt64: Bool] = [:]

    package init(scope: ViewScope) {
        self.scope = scope
    }

    /// - Parameter isLive: whether a trace still lives after the batch.
    package mutating func filter(_ batch: FeedBatch, isLive: (UInt64) -> Bool) -> FeedBatch {
        guard !scope.isFull else { return batch }
        var seen = batch
        seen.records = []
        for record in batch.records {
            if let kept = filter(record) { seen.records.append(kept) }
        }
        isVisible = isVisible.filter { isLive($0.key) }
        return seen
    }

    private mutating func filter(_ record: FeedRecord) -> FeedRecord? {
        switch record {
        case .trace(let trace):
            let allowed = scope.allows(trace)
            isVisible[trace.id] = allowed
            return allowed ? record : nil
        case .metadata(let traceID, _), .traceEnd(let traceID): return isVisible[traceID] == true ? record : nil
        case .streamEnd(let end): return isVisible[end.traceID] == true ? record : nil
        case .stream(let stream): return isVisible[stream.traceID] == true ? record : nil
        case .events(let group): return filter(group).map { .events($0) }
        case .relay(let change): return scope.filtered(change).map { .relay($0) }
        case .session(let change):
            return scope.allows(relay: change.relay, host: change.host, session: change.session) ? record : nil
        case .lost(let loss): return scope.allows(loss.relay, loss.host, loss.session) ? record : nil
        case .holder(let holder): return scope.allows(holder.relay, holder.host, holder.session) ? record : nil
        case .clock(let report): return scope.allows(report) ? record : nil
        case .gap, .log, .idle: return record
        // It names what may not be seen.
        case .source: return nil
        // Its reason may name anyone.
        case .end: return .end(reason: "")
        }
    }

    private func filter(_ group: EventGroup) -> EventGroup? {
        var numbers = [UInt32?](repeating: nil, count: group.slices.count)
        var seen = EventGroup()
        for (number, slice) in group.slices.enumerated() where scope.allows(slice.packet.trace) {
            numbers[number] = UInt32(seen.slices.count)
            seen.slices.append(slice)
        }
        guard seen.slices.count < group.slices.count else { return group }
        guard !seen.slices.isEmpty else { return nil }
        var late = group.late[...]
        var index = 0
        for run in group.order {
            let end = index + Int(run.count)
            let number = numbers[Int(run.slice)]
            while let next = late.first, Int(next.index) < end {
                if number != nil {
                    let seenIndex = UInt32(seen.eventCount + Int(next.index) - index)
                    seen.late.append(next.moved(to: seenIndex))
                }
                late.removeFirst()
            }
            if let number {
                seen.order.append(EventGroup.Run(slice: number, count: run.count))
                seen.eventCount += Int(run.count)
            }
            index = end
        }
        return seen
    }
}

extension ViewScope {
    func allows(_ trace: FeedTrace) -> Bool {
        allows(relay: trace.relay, host: trace.host, session: trace.session)
    }

    /// Of something that may concern a relay as a whole: it then has neither host nor session.
    func allows(_ relay: String, _ host: String, _ session: String) -> Bool {
        host.isEmpty && session.isEmpty
            ? allows(relay: relay) : allows(relay: relay, host: host, session: session)
    }

    /// A relay's state without its reason, which may name hosts and sessions, unless all of these may be seen; nil when
    /// the relay may not.
    func filtered(_ change: RelayStateChange) -> RelayStateChange? {
        guard allows(relay: change.relay) else { return nil }
        guard !allowsAll(relay: change.relay) else { return change }
        var seen = change
        seen.reason = ""
        return seen
    }
}
