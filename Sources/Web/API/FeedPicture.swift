import Coordinator
import Feed
import Runtime
import Timeline

/// How the feed stands, as somebody sees it: what `/api/feed` and live updates tell.
struct FeedPicture: Sendable {
    /// What is told of it at once when it changes.
    struct Shape: Equatable {
        var generation: String
        var holder: [String]
        var logFailure: String?
        var relays: [[String]]
    }

    /// Somebody always holds W, and is told of when it has done so for as long as the feed names nobody.
    private static let namedAfterNs: Int64 = 2_000_000_000

    var generation: String
    var standing: FeedStanding
    /// What its viewer may see.
    var scope: ViewScope
    var figures: TimelineModel.Figures
    /// Of all lanes together.
    var sums: LaneSums
    var lostEvents: UInt64
    var lostUnknown: UInt64
    var leastLevel: Int
    var holder: (CoordinatorSnapshot.Holder, lane: UInt32)?
    /// By hosts' lanes: the time before which none of their events will come any more.
    var frontiers: [UInt32: Int64]
    var relays: [CoordinatorSnapshot.Relay]

    /// - Parameter rows: all that may be seen, the feed's first.
    init(
        _ book: TimelineBook,
        generation: String,
        standing: FeedStanding,
        scope: ViewScope,
        view: LaneView?,
        rows: [LaneRow]
    ) {
        self.generation = generation
        self.standing = standing
        self.scope = scope
        figures = book.model.figures
        sums = rows.first?.sums ?? LaneSums()
        leastLevel = book.model.leastLevel
        relays = standing.coordinator.relays.filter { scope.allows(relay: $0.name) }
        (lostEvents, lostUnknown) = (figures.lostEvents, figures.lostUnknown)
        if !scope.isFull { (lostEvents, lostUnknown) = Self.lost(book.model, scope, view) }
        if let held = standing.coordinator.holder, held.heldNs >= Self.namedAfterNs, Self.isSeen(held, scope) {
            let lanes = book.model.lanes
            let lane =
                held.streamID.flatMap { lanes.lane(ofStream: $0) }
                ?? lanes.lane(relay: held.relay, host: held.host)
            holder = (held, lane)
        }
        frontiers = Self.frontiers(book.model.lanes, standing.coordinator, rows)
    }

    private static func lost(
        _ model: borrowing TimelineModel,
        _ scope: ViewScope,
        _ view: LaneView?
    ) -> (events: UInt64, unknown: UInt64) {
        var (events, unknown): (UInt64, UInt64) = (0, 0)
        let all = model.marks(fromNs: .min, toNs: .max, limit: .max, scope: scope, view: view)
        for case .lost(let loss) in all.marks.lazy.map(\.kind) {
            if loss.unit == .events, let count = loss.count {
                events = events.addingReportingOverflow(count).partialValue
            } else {
                unknown += 1
            }
        }
        return (events, unknown)
    }

    private static func isSeen(_ holder: CoordinatorSnapshot.Holder, _ scope: ViewScope) -> Bool {
        if holder.host.isEmpty { return scope.allows(relay: holder.relay) }
        if holder.session.isEmpty { return scope.allows(relay: holder.relay, host: holder.host) }
        return scope.allows(relay: holder.relay, host: holder.host, session: holder.session)
    }

    private static func frontiers(
        _ lanes: LaneTable,
        _ coordinator: CoordinatorSnapshot,
        _ rows: [LaneRow]
    ) -> [UInt32: Int64] {
        let bounds = Dictionary(coordinator.relays.map { ($0.name, $0.boundNs) }) { first, _ in first }
        var frontiers: [UInt32: Int64] = [:]
        var hostOf: [UInt32: UInt32] = [:]
        for row in rows {
            let lane = row.lane
            switch lane.kind {
            case .feed: break
            case .host: hostOf[lane.id] = lane.id
            case .session: hostOf[lane.id] = lane.parent
            case .stream:
                guard let id = lane.stream?.feedID, let boundNs = coordinator.streamBoundsNs[id],
                    let host = hostOf[lane.parent]
                else { continue }
                frontiers[host] = min(frontiers[host] ?? boundNs, boundNs)
            }
        }
        for row in rows where row.lane.kind == .host && frontiers[row.lane.id] == nil {
            frontiers[row.lane.id] = bounds[row.lane.relay] ?? nil
        }
        return frontiers
    }

    var shape: Shape {
        Shape(
            generation: generation,
            holder: holder.map { held, _ in
                // How long is told by the second.
                [held.relay, held.host, held.session, "\(held.streamID ?? 0)", "\(held.heldNs / 1_000_000_000)"]
            } ?? [],
            logFailure: standing.logFailure,
            relays: relays.map { [$0.name, "\($0.state)", reason($0)] }
        )
    }

    /// Why a relay is as it is: it may name hosts and sessions.
    private func reason(_ relay: CoordinatorSnapshot.Relay) -> String {
        scope.allowsAll(relay: relay.name) ? relay.trouble ?? "" : ""
    }

    // MARK: JSON

    func append(to json: inout JSONBuffer) {
        json.object { json in
            json.member("feed", "\(standing.feed.id)")
            json.member("generation", generation)
            json.member("now", ns: standing.nowNs)
            json.member("watermark", ns: figures.watermarkNs)
            json.member("begin", ns: sums.firstNs)
            json.member("end", ns: sums.lastNs)
            json.member("events", sums.events)
            json.member("late", sums.late)
            json.key("lost")
            json.object { json in
                json.member("records", sums.lost)
                json.member("events", lostEvents)
                json.member("unknown", lostUnknown)
            }
            appendHolder(to: &json)
            json.key("log")
            json.object { json in
                json.member("condition", standing.logFailure == nil ? "writing" : "failing")
                json.member("reason", standing.logFailure ?? "")
            }
            appendLimits(to: &json)
            json.key("relays")
            json.array { json in for relay in relays { append(relay, to: &json) } }
        }
    }

    private func appendHolder(to json: inout JSONBuffer) {
        json.key("holder")
        guard let (held, lane) = holder else { return json.append(json: "null".utf8) }
        json.object { json in
            json.member("relay", held.relay)
            json.member("host", held.host)
            json.member("session", held.session)
            json.member("lane", lane == 0 ? nil : lane)
            json.member("held_ns", held.heldNs)
        }
    }

    private func appendLimits(to json: inout JSONBuffer) {
        json.key("levels")
        json.object { json in
            json.member("least", leastLevel)
            json.member("greatest", DensityTrack.greatestLevel)
        }
        json.key("limits")
        json.object { json in
            json.member("columns", DensityRequest.columnsMax)
            json.member("lanes", DensityRequest.lanesMax)
            json.member("events", EventsCall.limitMax)
        }
    }

    private func append(_ relay: CoordinatorSnapshot.Relay, to json: inout JSONBuffer) {
        json.object { json in
            json.member("relay", relay.name)
            json.member("state", "\(relay.state)")
            json.member("reason", reason(relay))
            json.member("frontier", ns: relay.boundNs)
            json.member("since", ns: standing.stateSinceNs[relay.name])
        }
    }
}

extension FeedTimeline {
    /// How the feed stands, and the rows that go with it.
    func picture(of scope: ViewScope) async throws -> (FeedPicture, rows: [LaneRow]) {
        let standing = try await standing()
        return try await ask { book, generation in
            let view = book.model.lanes.view(of: scope)
            let rows = book.model.lanes.rows(view: view)
            let picture = FeedPicture(
                book,
                generation: generation,
                standing: standing,
                scope: scope,
                view: view,
                rows: rows
            )
            return (picture, rows)
        }
    }
}

/// `/api/feed`: how the feed stands.
enum FeedCall {
    static func answer(_ call: APICall) async throws -> WebAnswer {
        let (picture, _) = try await call.timeline.picture(of: call.scope)
        var json = JSONBuffer()
        picture.append(to: &json)
        return WebAnswer(json)
    }
}
