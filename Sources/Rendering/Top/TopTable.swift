package import Feed

/// Who is how busy in a feed, by relay or by the sessions of one: what `tidemark top` shows.
///
/// It takes the feed's batches as they come, and the time from whoever has a clock. A value, not bound to a thread.
package struct TopTable: Sendable {
    package enum Column: String, Sendable, CaseIterable {
        case name, state, rate, events, late, lost, quiet
    }

    /// What of it is shown, and how.
    package struct View: Sendable, Equatable {
        package var sort = Column.rate
        /// Against the column's own order: names from the first, numbers from the greatest.
        package var isReversed = false
        /// A part of the names of rows that are shown; case is ignored. Empty: all.
        package var filter = ""
        /// Whose sessions are shown; nil: relays are.
        package var relay: String?

        package init() {}
    }

    package struct Row: Sendable, Equatable {
        package var name: String
        package var state: String
        /// Events a second since the tick before the last.
        package var rate: Double
        package var events: UInt64
        package var late: UInt64
        /// Events, and packets apart from them.
        package var lostEvents: UInt64
        package var lostPackets: UInt64
        /// Losses of which nobody knows how much was lost.
        package var unknownLosses: UInt64
        /// Since events came last, nanoseconds; nil: none have come.
        package var quietNs: UInt64?
    }

    /// What is remembered of a relay or a session between two ticks.
    private struct Pace: Sendable {
        var events: UInt64 = 0
        var rate = 0.0
        var heardNs: UInt64?
    }

    private var account = FeedAccount()
    private var relayStates: [String: RelayState] = [:]
    private var relayPaces: [String: Pace] = [:]
    private var sessionPaces: [FeedAccount.SessionName: Pace] = [:]
    private var relaySums: [String: FeedAccount.Counts] = [:]
    private var sessionSums: [FeedAccount.SessionName: FeedAccount.Counts] = [:]
    private var tickedNs: UInt64?
    /// W, nanoseconds since the Unix epoch.
    package private(set) var watermarkNs: Int64?
    /// Events a second of all.
    package private(set) var rate = 0.0
    /// Frames that were missed.
    package private(set) var missedFrames: UInt64 = 0

    package init() {}

    package mutating func take(_ batch: FeedBatch) {
        account.take(batch)
        watermarkNs = batch.watermarkNs ?? watermarkNs
        for record in batch.records {
            switch record {
            case .relay(let change): relayStates[change.relay] = change.state
            case .gap(let gap):
                // Both come from a peer.
                let (more, isNone) = gap.toSequence.subtractingReportingOverflow(gap.fromSequence)
                let (sum, overflow) = missedFrames.addingReportingOverflow(more)
                if !isNone { missedFrames = overflow || sum == .max ? .max : sum + 1 }
            default: break
            }
        }
    }

    /// Works out rates since the last tick. O(streams).
    /// - Parameter nowNs: of a monotonic clock, nanoseconds.
    package mutating func tick(nowNs: UInt64) {
        let seconds = tickedNs.map { Double(nowNs - min($0, nowNs)) / 1e9 } ?? 0
        tickedNs = nowNs
        (relaySums, sessionSums) = account.sums
        for name in relayStates.keys where relaySums[name] == nil { relaySums[name] = FeedAccount.Counts() }
        rate = 0
        relayPaces = relayPaces.filter { relaySums[$0.key] != nil }
        for (name, counts) in relaySums {
            let pace = Self.pace(relayPaces[name] ?? Pace(), counts, seconds: seconds, nowNs: nowNs)
            relayPaces[name] = pace
            rate += pace.rate
        }
        sessionPaces = sessionPaces.filter { sessionSums[$0.key] != nil }
        for (name, counts) in sessionSums {
            sessionPaces[name] = Self.pace(sessionPaces[name] ?? Pace(), counts, seconds: seconds, nowNs: nowNs)
        }
    }

    private static func pace(
        _ before: Pace,
        _ counts: FeedAccount.Counts,
        seconds: Double,
        nowNs: UInt64
    ) -> Pace {
        let new = counts.events - min(before.events, counts.events)
        return Pace(
            events: counts.events,
            rate: seconds > 0 ? Double(new) / seconds : 0,
            heardNs: new > 0 ? nowNs : before.heardNs
        )
    }

    // MARK: Rows

    /// In the view's order, ties by name.
    package func rows(_ view: View) -> [Row] {
        let all = view.relay.map { sessionRows(of: $0) } ?? relayRows()
        let filter = view.filter.lowercased()
        let wanted = filter.isEmpty ? all : all.filter { $0.name.lowercased().contains(filter) }
        let sorted = wanted.sorted { left, right in
            switch Self.compare(left, right, view.sort) {
            case 0: left.name < right.name
            case let order: (order < 0) != view.isReversed
            }
        }
        return sorted
    }

    private func relayRows() -> [Row] {
        relaySums.map { name, counts in
            row(name, relayStates[name].map { "\($0)" } ?? "", counts, relayPaces[name])
        }
    }

    private func sessionRows(of relay: String) -> [Row] {
        sessionSums.filter { $0.key.relay == relay && !$0.key.session.isEmpty }.map { name, counts in
            let state = account.sessions[name]?.state
            return row("\(name.host)/\(name.session)", state.map { "\($0)" } ?? "", counts, sessionPaces[name])
        }
    }

    private func row(_ name: String, _ state: String, _ counts: FeedAccount.Counts, _ pace: Pace?) -> Row {
        Row(
            name: name,
            state: state,
            rate: pace?.rate ?? 0,
            events: counts.events,
            late: counts.lateEvents,
            lostEvents: counts.lostEvents,
            lostPackets: counts.lostPackets,
            unknownLosses: counts.unknownLosses,
            quietNs: pace?.heardNs.flatMap { heard in tickedNs.map { $0 - min(heard, $0) } }
        )
    }

    /// - Returns: less than 0 where `left` comes first in the column's own order.
    private static func compare(_ left: Row, _ right: Row, _ column: Column) -> Int {
        func greatestFirst<Value: Comparable>(_ left: Value, _ right: Value) -> Int {
            left == right ? 0 : left > right ? -1 : 1
        }
        return switch column {
        case .name: greatestFirst(right.name, left.name)
        case .state: greatestFirst(right.state, left.state)
        case .rate: greatestFirst(left.rate, right.rate)
        case .events: greatestFirst(left.events, right.events)
        case .late: greatestFirst(left.late, right.late)
        case .lost:
            greatestFirst(
                [left.lostEvents, left.lostPackets, left.unknownLosses].reduce(0.0) { $0 + Double($1) },
                [right.lostEvents, right.lostPackets, right.unknownLosses].reduce(0.0) { $0 + Double($1) }
            )
        case .quiet: greatestFirst(left.quietNs ?? .max, right.quietNs ?? .max)
        }
    }
}
