import Coordinator
import Feed
import Runtime
import Timeline

/// What one who watches is told: always the difference to what was told before.
struct LiveUpdates {
    private static let interval = Duration.milliseconds(100)
    /// A moment that took long, of many lanes or of many who watch, is not taken so often: a tenth of the time at most.
    private static let share = 10
    /// A sign of life.
    private static let silenceMax = Duration.seconds(2)
    private static let lanesMax = 512

    private let timeline: FeedTimeline
    private let scope: ViewScope
    private var shape: FeedPicture.Shape?
    private var revision: UInt64 = 0
    private var frontiers: [UInt32: Int64] = [:]
    /// Lanes whose counts have changed, and had no room.
    private var waiting: Set<UInt32> = []
    private var noticeNumber: UInt64
    private var toldAt = ContinuousClock.now
    private var pause = interval

    init(_ timeline: FeedTimeline, scope: ViewScope) {
        self.timeline = timeline
        self.scope = scope
        noticeNumber = timeline.noticeCount
    }

    /// What has changed at one moment.
    private struct Moment: Sendable {
        var picture: FeedPicture
        var changes: TimelineModel.Changes
        var marks: [Mark]
        var counted: [LaneRow]
    }

    /// Suspends until there is something to tell.
    mutating func next() async throws -> [UInt8] {
        while true {
            if shape != nil { try await Task.sleep(for: pause) }
            let moment: Moment
            let begin = ContinuousClock.now
            do {
                moment = try await self.moment()
                pause = min(max(Self.interval, (.now - begin) * Self.share), Self.silenceMax)
            } catch TimelineUnavailable.starting {
                // The counts are being made anew: then there is another generation.
                try await Task.sleep(for: Self.interval)
                guard .now - toldAt < Self.silenceMax else {
                    toldAt = .now
                    return Array(": the counts are being made\n\n".utf8)
                }
                continue
            }
            let messages = messages(moment)
            guard messages.isEmpty else {
                toldAt = .now
                return messages
            }
        }
    }

    private func moment() async throws -> Moment {
        let standing = try await timeline.standing()
        let (scope, since, waiting, known) = (scope, revision, waiting, shape?.generation)
        return try await timeline.ask { book, generation in
            let view = book.model.lanes.view(of: scope)
            // Another book counts anew. Who has just come asks for lanes and marks itself.
            let since = known == generation ? since : book.model.revision
            let changes = book.model.changes(since: since, view: view)
            let rows = book.model.lanes.rows(view: view)
            return Moment(
                picture: FeedPicture(
                    book,
                    generation: generation,
                    standing: standing,
                    scope: scope,
                    view: view,
                    rows: rows
                ),
                changes: changes,
                marks: changes.marks.flatMap { book.model.shown($0, to: scope, view: view) },
                counted: changes.counted + (waiting.isEmpty ? [] : rows.filter { waiting.contains($0.lane.id) })
            )
        }
    }

    private mutating func messages(_ moment: Moment) -> [UInt8] {
        var bytes: [UInt8] = []
        let picture = moment.picture
        if picture.shape != shape {
            if picture.generation != shape?.generation {
                (frontiers, waiting) = ([:], [])
            }
            shape = picture.shape
            bytes += message("feed") { picture.append(to: &$0) }
        }
        if !moment.changes.declared.isEmpty {
            bytes += message("lanes") { json in
                json.object { json in
                    json.key("lanes")
                    json.array { json in
                        for row in moment.changes.declared { json.append(row, picture) }
                    }
                }
            }
        }
        if let gone = moment.changes.gone, !gone.isEmpty {
            bytes += message("gone") { json in
                json.object { json in
                    json.key("lanes")
                    json.array { json in for lane in gone { json.append(lane) } }
                }
            }
        }
        for mark in moment.marks { bytes += message("mark") { $0.append(mark) } }
        bytes += notices()
        bytes += tick(moment)
        revision = moment.changes.revision
        return bytes
    }

    private mutating func notices() -> [UInt8] {
        var bytes: [UInt8] = []
        for notice in timeline.notices(after: noticeNumber) {
            noticeNumber = notice.number
            guard scope.allowsAll(relay: notice.note.relay) else { continue }
            bytes += message("notice") { json in
                json.object { json in
                    json.member("time", ns: notice.timeNs)
                    json.member("level", "\(notice.note.level)")
                    json.member("text", "\(notice.note.relay): \(notice.note.text)")
                }
            }
        }
        return bytes
    }

    private mutating func tick(_ moment: Moment) -> [UInt8] {
        let picture = moment.picture
        let moved = picture.frontiers.filter { frontiers[$0.key] != $0.value }
        let isNews = moment.changes.revision != revision || !moved.isEmpty || !waiting.isEmpty
        guard isNews || .now - toldAt >= Self.silenceMax else { return [] }
        frontiers = picture.frontiers
        var rows: [UInt32: LaneRow] = [:]
        for row in moment.counted where row.lane.id != 0 { rows[row.lane.id] = row }
        let shown = rows.values.sorted { $0.lane.id < $1.lane.id }.prefix(Self.lanesMax)
        waiting = Set(rows.keys).subtracting(shown.map(\.lane.id))
        return message("tick") { json in
            json.object { json in
                json.member("now", ns: picture.standing.nowNs)
                json.member("begin", ns: picture.sums.firstNs)
                json.member("watermark", ns: picture.figures.watermarkNs)
                json.member("end", ns: picture.sums.lastNs)
                json.member("events", picture.sums.events)
                json.member("late", picture.sums.late)
                json.member("lost", picture.sums.lost)
                json.key("changed")
                json.array { json in
                    for range in moment.changes.times {
                        json.array { json in
                            json.append(ns: range.lowerBound)
                            json.append(ns: range.upperBound)
                        }
                    }
                }
                json.key("lanes")
                json.array { json in
                    for row in shown {
                        json.array { json in
                            json.append(row.lane.id)
                            json.append(row.sums.events)
                            json.append(row.sums.late)
                            json.append(row.sums.lost)
                            json.append(ns: row.sums.lastNs)
                        }
                    }
                }
                json.key("frontiers")
                json.array { json in
                    for (lane, ns) in moved.sorted(by: { $0.key < $1.key }) {
                        json.array { json in
                            json.append(lane)
                            json.append(ns: ns)
                        }
                    }
                }
            }
        }
    }

    private func message(_ event: String, _ body: (inout JSONBuffer) -> Void) -> [UInt8] {
        var json = JSONBuffer()
        body(&json)
        return Array("event: \(event)\ndata: ".utf8) + json.bytes + Array("\n\n".utf8)
    }
}
