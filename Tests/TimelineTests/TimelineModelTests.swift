import CTF
import Feed
import PacketWriter
import Testing

@testable import Timeline

@Suite struct TimelineModelTests {
    static let identity = FeedIdentity(id: FeedID(high: 1, low: 2))

    static func model(_ batches: some Sequence<FeedBatch>, limits: TimelineModel.Limits = .init()) -> TimelineModel {
        var model = TimelineModel(limits: limits)
        for batch in batches { model.fold(batch) }
        return model
    }

    /// The batches as a subscriber who joins behind `joined` reads them, the checkpoint's first.
    static func decoded(_ batches: [FeedBatch], joined: Int = 0) throws -> [FeedBatch] {
        var encoder = FrameEncoder(feed: identity)
        var checkpoints = FrameEncoder(feed: identity)
        var decoder = FrameDecoder()
        var state = FeedState()
        var read: [FeedBatch] = []
        for (number, batch) in batches.enumerated() {
            if number == joined {
                for frame in try checkpoints.checkpoint(SubscriptionOpening(state: state)) {
                    read.append(try decoder.decode(frame.storage).batch)
                }
            }
            let publications = try encoder.encode(batch)
            try #require(publications.count == 1)
            try state.fold(publications[0].batch)
            if number >= joined { read.append(try decoder.decode(publications[0].frame.storage).batch) }
        }
        return read
    }

    /// The counts that a lane should have in each column: its own, and those of all below it.
    static func expected(
        _ feed: MadeFeed,
        _ lanes: LaneTable,
        lane: UInt32,
        level: Int,
        _ isCounted: (MadeFeed.Event) -> Bool = { _ in true }
    ) -> [Int64: UInt64] {
        let below = streams(of: feed, below: lane, lanes)
        return feed.events.reduce(into: [:]) { counts, event in
            guard below.contains(event.streamID), isCounted(event) else { return }
            counts[event.ns >> Int64(level), default: 0] += 1
        }
    }

    /// The streams whose events a lane counts.
    static func streams(of feed: MadeFeed, below lane: UInt32, _ lanes: LaneTable) -> Set<UInt64> {
        Set(
            feed.streams.map(\.id).filter {
                var next = lanes.lane(ofStream: $0) ?? 0
                while next != lane, next != 0 { next = lanes[next]?.parent ?? 0 }
                return next == lane
            }
        )
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `a model made of the log's frames says what one says that has seen them leave`(seed: UInt64) throws {
        let feed = try MadeFeed(seed: seed)
        let made = Self.model(feed.batches)
        let read = Self.model(try Self.decoded(feed.batches))
        var expected = made.figures
        expected.beginNs = read.figures.beginNs
        #expect(read.figures == expected)
        #expect(made.figures.events == UInt64(feed.events.count))
        #expect(made.figures.late == UInt64(feed.events.count { $0.isLate }))
        #expect(made.figures.late > 0)
        #expect(made.figures.lostRecords == UInt64(feed.losses.count))
        let rows = made.lanes.rows()
        #expect(Self.withoutRevisions(read.lanes.rows()) == Self.withoutRevisions(rows))
        #expect(rows.count == 1 + 3 + 3 + 9)
        for level in [16, 17, 20, 23, 30, 43] {
            let request = try Self.request(made, level: level, columns: 300)
            #expect(made.density(request) == read.density(request))
        }
        let spanNs = MadeFeed.beginNs...MadeFeed.beginNs + 1_000_000_000
        let marks = made.marks.marks(fromNs: spanNs.lowerBound, toNs: spanNs.upperBound, limit: 1000)
        let others = read.marks.marks(fromNs: spanNs.lowerBound, toNs: spanNs.upperBound, limit: 1000)
        #expect(marks.marks.map(\.kind) == others.marks.map(\.kind))
        #expect(!marks.more)
        #expect(!marks.marks.isEmpty)
    }

    static func withoutRevisions(_ rows: [LaneRow]) -> [LaneRow] {
        rows.map { row in
            var row = row
            row.lane.changedAt = 0
            row.sums.countedAt = 0
            return row
        }
    }

    /// Of all lanes, from before the first event on.
    static func request(_ model: borrowing TimelineModel, level: Int, columns: Int) throws -> DensityRequest {
        try DensityRequest(
            level: level,
            fromNs: ((MadeFeed.beginNs >> Int64(level)) - 2) << Int64(level),
            columns: columns,
            lanes: model.lanes.rows().map(\.lane.id) + [4000],
            least: model.leastLevel
        )
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `density counts every event in its column, of its lane and of those above`(seed: UInt64) throws {
        let feed = try MadeFeed(seed: seed)
        let model = Self.model(feed.batches)
        for level in [16, 18, 20, 22, 26, 40, 43] {
            let request = try Self.request(model, level: level, columns: 900)
            let body = try DecodedDensity(model.density(request))
            #expect(body.level == level)
            #expect(body.columns == 900)
            #expect(body.known == 0..<900)
            #expect(body.watermarkNs == model.figures.watermarkNs)
            let endNs = request.fromNs + 900 << Int64(level)
            #expect(body.flags == (endNs <= body.watermarkNs ? 1 : 0))
            #expect(body.lanes.map(\.id) == model.lanes.rows().filter { $0.sums.events > 0 }.map(\.lane.id))
            for lane in body.lanes {
                let all = Self.expected(feed, model.lanes, lane: lane.id, level: level)
                let late = Self.expected(feed, model.lanes, lane: lane.id, level: level) { $0.isLate }
                let first = request.fromNs >> Int64(level)
                #expect(lane.planes[0] == (0..<900).map { all[first + $0] ?? 0 })
                #expect(lane.planes[1] == (0..<900).map { late[first + $0] ?? 0 })
            }
            let losses = body.lanes.first?.planes[2].reduce(0, +) ?? 0
            if level >= 20 { #expect(losses == UInt64(feed.losses.count)) }
        }
    }

    @Test func `sums are of what may be seen`() throws {
        let feed = try MadeFeed(seed: 2)
        let model = Self.model(feed.batches)
        let rule = AllowRule(identity: "me", sessions: ["session-1"])
        let peer = PeerIdentity(alternativeNames: ["me"], commonName: nil)
        let scope = try #require(ViewScope(peer: peer, rules: [rule]))
        let view = try #require(model.lanes.view(of: scope))
        let seen = Set(feed.streams.filter { $0.traceID == 101 }.map(\.id))
        let body = try DecodedDensity(model.density(try Self.request(model, level: 30, columns: 10), view: view))
        // The feed, a host, its session, and that one's streams.
        #expect(body.lanes.count == 3 + seen.count)
        for lane in body.lanes {
            let all = Self.expected(feed, model.lanes, lane: lane.id, level: 30) { seen.contains($0.streamID) }
            #expect(lane.planes[0].reduce(0, +) == all.values.reduce(0, +))
        }
        #expect(body.lanes.first?.planes[0].reduce(0, +) == UInt64(feed.events.count { seen.contains($0.streamID) }))
        let rows = model.lanes.rows(view: view)
        #expect(rows.map(\.lane.id) == body.lanes.map(\.id))
        #expect(rows[0].sums.events == UInt64(feed.events.count { seen.contains($0.streamID) }))
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `a range is counted exactly, by the frames that the answer names`(seed: UInt64) throws {
        var shape = MadeFeed.Shape()
        shape.eventsPerBatch = 300
        shape.packetsPerStream = 12
        let feed = try MadeFeed(seed: seed, shape: shape)
        let model = Self.model(feed.batches)
        var random = SeededRandom(seed: seed)
        for round in 0..<15 {
            let ends = [random.pick(feed.events).ns, random.pick(feed.events).ns + (round % 3 == 0 ? 9000 : 0)]
            let range = (ends.min() ?? 0)..<(ends.max() ?? 0) + 1
            var counts = try model.counts(fromNs: range.lowerBound, toNs: range.upperBound)
            var read = 0
            for batch in feed.batches where counts.frames.contains(where: { $0.contains(batch.sequence) }) {
                counts.take(batch, lanes: model.lanes)
                read += 1
            }
            #expect(read > 0)
            let inside = feed.events.filter { range.contains($0.ns) }
            for (lane, sums) in counts.sums(model.lanes) {
                let below = Self.streams(of: feed, below: lane, model.lanes)
                let own = inside.filter { below.contains($0.streamID) }
                #expect(sums.events == UInt64(own.count))
                #expect(sums.late == UInt64(own.count { $0.isLate }))
            }
            let first = try #require(counts.sums(model.lanes).first)
            #expect(first.lane == 0)
            #expect(first.counts.events == UInt64(inside.count))
            #expect(first.counts.losses == UInt64(feed.losses.count { range.contains($0.toNs ?? 0) }))
        }
        #expect(throws: TimelineError.self) { _ = try model.counts(fromNs: 5, toNs: 5).edges }
    }

    @Test func `the index names the frame of every event, and few others`() throws {
        var shape = MadeFeed.Shape()
        shape.packetsPerStream = 30
        shape.latePackets = 40
        let feed = try MadeFeed(seed: 7, shape: shape)
        let model = Self.model(feed.batches)
        var named = 0
        for event in feed.events {
            let frames = model.index.frames(fromNs: event.ns, toNs: event.ns + 1)
            #expect(frames.contains { $0.contains(event.sequence) })
            named += frames.reduce(0) { $0 + $1.count }
        }
        #expect(named < feed.events.count * feed.batches.count / 2)
        #expect(model.index.frames(fromNs: 9, toNs: 9).isEmpty)
        #expect(model.index.frames(fromNs: .min, toNs: MadeFeed.beginNs - 100_000).isEmpty)
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `after retention a model says what one says that begins there`(seed: UInt64) throws {
        var shape = MadeFeed.Shape()
        shape.hasNotices = false
        let feed = try MadeFeed(seed: seed, shape: shape)
        let joined = feed.batches.indices.first { $0 > feed.batches.count / 2 && feed.batches[$0].watermarkNs != nil }
        let joinedAt = try #require(joined) + 1
        let watermarkNs = try #require(feed.batches[joinedAt - 1].watermarkNs)
        var kept = Self.model(feed.batches)
        kept.drop(before: UInt64(joinedAt + 1), watermarkNs: watermarkNs)
        var begun = TimelineModel(watermarkNs: watermarkNs)
        for batch in try Self.decoded(feed.batches, joined: joinedAt) { begun.fold(batch) }
        #expect(kept.figures.beginNs == begun.figures.beginNs)
        // In the column in which the beginning lies, some may be counted that went.
        let firstNs = ((watermarkNs >> 16) + 1) << 16
        let request = { (model: borrowing TimelineModel) in
            try DensityRequest(
                level: 16,
                fromNs: firstNs,
                columns: 1024,
                lanes: [0],
                least: 16
            )
        }
        #expect(kept.density(try request(kept)) == begun.density(try request(begun)))
        let frames = kept.index.frames(fromNs: watermarkNs, toNs: .max)
        #expect(frames.contains { $0.contains(UInt64(joinedAt + 1)) })
        // Streams that have ended stay while they hold events.
        let names = Set(kept.lanes.rows().map { "\($0.lane.host)/\($0.lane.name)/\($0.lane.stream?.feedID ?? 0)" })
        let others = begun.lanes.rows().map { "\($0.lane.host)/\($0.lane.name)/\($0.lane.stream?.feedID ?? 0)" }
        #expect(names == Set(others))
        kept.drop(before: UInt64(feed.batches.count + 1), watermarkNs: watermarkNs + 1 << 50)
        let left = kept.lanes.rows()
        #expect(left.allSatisfy { $0.sums.events == 0 && $0.sums.firstNs == nil })
        #expect(!left.contains { $0.lane.stream?.traceID == 100 })
        #expect(kept.lanes.removed(since: 0)?.count == shape.streamsPerTrace)
        #expect(kept.index.frames(fromNs: .min, toNs: .max).isEmpty)
    }

    @Test func `memory is kept by giving up the finest levels, and the model says so`() throws {
        let feed = try MadeFeed(seed: 3)
        let whole = Self.model(feed.batches)
        let small = Self.model(feed.batches, limits: .init(densityBytes: whole.densityBytes * 2 / 3))
        #expect(whole.leastLevel == 16)
        #expect(small.leastLevel > 16)
        #expect(small.densityBytes <= whole.densityBytes * 2 / 3)
        #expect(small.densityBytes == small.lanes.densityBytes)
        #expect(whole.densityBytes == whole.lanes.densityBytes)
        let request = try Self.request(small, level: small.leastLevel, columns: 1000)
        #expect(small.density(request) == whole.density(request))
        #expect(throws: TimelineError.self) { _ = try Self.request(small, level: 16, columns: 8) }
    }

    @Test func `marks are of the lanes that they concern, and of those that may be seen`() throws {
        var batches = try MadeFeed(seed: 3).batches
        for relay in ["relay-0", "relay-1"] {
            let change = RelayStateChange(relay: relay, state: .excluded, reason: "no answer", frontierNs: 9_000)
            batches.append(FeedBatch(sequence: UInt64(batches.count + 1), records: [.relay(change)]))
        }
        let model = Self.model(batches)
        func lanes(_ marks: [Mark], _ kept: (Mark.Kind) -> Bool) -> [String] {
            marks.filter { kept($0.kind) }.map {
                "\(model.lanes[$0.lane]?.relay ?? "")/\(model.lanes[$0.lane]?.host ?? "")"
            }
        }
        func isExclusion(_ kind: Mark.Kind) -> Bool { if case .excluded = kind { true } else { false } }
        let all = model.marks(fromNs: 9_000, toNs: 9_001, limit: 0).marks
        #expect(Set(lanes(all, isExclusion)) == ["relay-0/host-0", "relay-0/host-1", "relay-1/host-0"])
        let rule = AllowRule(identity: "me", relays: ["relay-1"])
        let peer = PeerIdentity(alternativeNames: ["me"], commonName: nil)
        let scope = try #require(ViewScope(peer: peer, rules: [rule]))
        let view = model.lanes.view(of: scope)
        let some = model.marks(fromNs: .min, toNs: .max, limit: 1000, scope: scope, view: view).marks
        #expect(Set(lanes(some, isExclusion)) == ["relay-1/host-0"])
        #expect(Set(lanes(some) { !isExclusion($0) }) == ["relay-1/host-0"])
        #expect(model.marks(fromNs: .min, toNs: .max, limit: 1).more)
    }

    @Test func `lanes that have no room are counted by the lane above`() throws {
        let feed = try MadeFeed(seed: 3)
        let small = Self.model(feed.batches, limits: .init(lanes: 6))
        let rows = small.lanes.rows()
        #expect(rows.count == 6)
        #expect(rows[0].sums.events == UInt64(feed.events.count))
    }

    @Test func `what has changed since is said, and nothing else`() throws {
        var shape = MadeFeed.Shape()
        shape.hasNotices = false
        let feed = try MadeFeed(seed: 5, shape: shape)
        var model = TimelineModel()
        for batch in feed.batches {
            let before = model.revision
            let rows = model.lanes.rows()
            model.fold(batch)
            let changes = model.changes(since: before)
            #expect(changes.revision == model.revision)
            let inside = feed.events.filter { $0.sequence == batch.sequence }
            #expect(inside.allSatisfy { event in changes.times.contains { $0.contains(event.ns) } })
            #expect(inside.isEmpty == changes.times.isEmpty)
            let now = model.lanes.rows()
            let grown = now.filter { row in !rows.contains { $0.lane.id == row.lane.id && $0.sums == row.sums } }
            #expect(changes.counted.map(\.lane.id) == grown.filter { $0.sums.events > 0 }.map(\.lane.id))
            #expect(model.changes(since: model.revision).counted.isEmpty)
            #expect(model.changes(since: model.revision).times.isEmpty)
        }
        #expect(model.changes(since: 0).times.count <= 8)
        #expect(model.changes(since: 0).declared.count == 15)
    }
}
