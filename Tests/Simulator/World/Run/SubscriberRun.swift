import Feed
import FeedLog

/// A subscriber over all of its connections: what it has had, and where it resumes.
struct SubscriberRun {
    let plan: SubscriberPlan
    /// Nil while it is not connected. A class, for an array cannot hold what is not copyable.
    var reader: Connection?
    /// Counts its connections.
    var connections = 0
    /// The feed that it last read.
    var feed: FeedIdentity?
    /// Where it resumes; nil: where it began.
    var token: ResumeToken?
    /// The frame that its next one follows; nil before it knows.
    var lastSequence: UInt64?
    /// The frame that the token is of.
    var committedSequence: UInt64?
    /// Events since the token: they come again after a cut.
    var uncommitted: [UInt64] = []
    var once = OnceChecker()
    var hasLeft = false
    var eventCount = 0

    final class Connection {
        var reader: RawReader
        /// The last frame of the log that it was sent.
        var cursor: UInt64
        init(_ reader: consuming RawReader, cursor: UInt64) {
            self.reader = reader
            self.cursor = cursor
        }
    }

    init(_ plan: SubscriberPlan) {
        self.plan = plan
    }
}

/// Subscribers: each reads the log at its own pace, and must get what the feed has, each event once.
extension World {
    func come(_ index: Int) {
        guard subscribers[index].reader == nil, !subscribers[index].hasLeft, let feed = feeds.last,
            coordinator != nil
        else { return }
        if subscribers[index].feed != feed.identity { begin(index, feed) }
        do {
            let start: SubscriptionStart =
                switch (subscribers[index].token, subscribers[index].plan.start) {
                case (let token?, _): .token(token)
                case (nil, .earliest): .earliest
                case (nil, .latest): .latest
                }
            var reader = try RawReader(feed: feed.identity, start: start)
            guard case .open(let asked) = reader.request() else {
                return verdict.found(.once, atNs: nowNs, "subscriber \(index) is refused")
            }
            let opening = try feed.log.open(asked)
            let frames = try reader.opened(opening)
            subscribers[index].reader = SubscriberRun.Connection(reader, cursor: opening.state.sequence)
            opened(index, opening)
            take(frames, index, feed)
        } catch {
            return verdict.found(.once, atNs: nowNs, "subscriber \(index) cannot subscribe: \(error)")
        }
        subscribers[index].connections += 1
        plan(index)
    }

    /// A feed that it has not read before: nothing that it had counts.
    private func begin(_ index: Int, _ feed: FeedRun) {
        subscribers[index].feed = feed.identity
        subscribers[index].token = nil
        subscribers[index].lastSequence = nil
        subscribers[index].committedSequence = nil
        subscribers[index].uncommitted = []
        subscribers[index].once = OnceChecker()
    }

    /// The log says where it begins: behind the frame that it asked for, unless a gap is named.
    private func opened(_ index: Int, _ opening: SubscriptionOpening) {
        let sequence = opening.state.sequence
        if let last = subscribers[index].lastSequence, sequence != last, opening.gap == nil {
            verdict.found(.once, atNs: nowNs, "subscriber \(index) goes on behind frame \(sequence), not \(last)")
        }
        if let gap = opening.gap, let last = subscribers[index].lastSequence,
            gap.fromSequence != last + 1 || gap.toSequence != sequence
        {
            verdict.found(.once, atNs: nowNs, "subscriber \(index), behind frame \(last), is told \(gap)")
        }
        subscribers[index].lastSequence = sequence
    }

    private func plan(_ index: Int) {
        let pace = max(subscribers[index].plan.paceNs, 1)
        queue.add(.subscriber(index, connection: subscribers[index].connections), atNs: nowNs + pace)
    }

    func serve(_ index: Int, _ connection: Int) {
        guard subscribers[index].connections == connection, subscribers[index].reader != nil else { return }
        if let leavesNs = subscribers[index].plan.leavesNs, nowNs >= leavesNs {
            subscribers[index].hasLeft = true
            subscribers[index].reader = nil
            return
        }
        _ = read(index, limitBytes: subscribers[index].plan.pieceBytes)
        plan(index)
    }

    /// - Returns: whether there was something to read.
    private func read(_ index: Int, limitBytes: Int) -> Bool {
        guard let connection = subscribers[index].reader,
            let feed = feeds.first(where: { $0.identity == subscribers[index].feed })
        else { return false }
        do {
            switch feed.log.read(after: connection.cursor, limitBytes: limitBytes) {
            case .atEnd: return false
            case .frames(let frames):
                for frame in frames {
                    take(try connection.reader.take(frame), index, feed)
                    connection.cursor = frame.sequence
                }
            case .fallenOut(let opening):
                let frames = try connection.reader.reopened(opening)
                connection.cursor = opening.state.sequence
                opened(index, opening)
                take(frames, index, feed)
            }
        } catch {
            verdict.found(.once, atNs: nowNs, "subscriber \(index) cannot read: \(error)")
            subscribers[index].reader = nil
        }
        return subscribers[index].reader != nil
    }

    private func take(_ frames: [ReceivedFrame], _ index: Int, _ feed: FeedRun) {
        for frame in frames where !frame.isCheckpoint {
            let seen = SeenFrame(frame.batch, publishedNs: nowNs)
            let name = "subscriber \(index)"
            if let last = subscribers[index].lastSequence, seen.sequence != last + 1 {
                verdict.found(.once, atNs: nowNs, "\(name) gets frame \(seen.sequence) behind \(last)")
            }
            subscribers[index].lastSequence = seen.sequence
            let numbers = seen.events.map(\.number)
            let isKnown = seen.sequence >= 1 && seen.sequence <= UInt64(feed.eventNumbers.count)
            if !isKnown || numbers != feed.eventNumbers[Int(seen.sequence) - 1] {
                verdict.found(.once, atNs: nowNs, "\(name) has other events in frame \(seen.sequence) than the feed")
            }
            for event in seen.events { subscribers[index].once.look(event, by: name, atNs: nowNs, &verdict) }
            subscribers[index].uncommitted += numbers
            subscribers[index].eventCount += numbers.count
            guard let text = frame.token else { continue }
            guard let token = ResumeToken(text: text), token.sequence == seen.sequence else {
                verdict.found(.once, atNs: nowNs, "\(name) got a token that is none with frame \(seen.sequence)")
                continue
            }
            subscribers[index].token = token
            subscribers[index].committedSequence = seen.sequence
            subscribers[index].uncommitted = []
        }
    }

    /// Its connection breaks; what it has had since its token it throws away, and it comes again soon.
    func cut(_ index: Int) {
        guard subscribers[index].reader != nil else { return }
        say("subscriber \(index) is cut off behind frame \(subscribers[index].lastSequence ?? 0)")
        subscribers[index].reader = nil
        let isAgain = sabotage == .repeatFrame && subscribers[index].token != nil
        if !isAgain { subscribers[index].once.forget(subscribers[index].uncommitted) }
        if isAgain, let committed = subscribers[index].committedSequence, committed > 1 {
            subscribers[index].token?.sequence = committed - 1
            subscribers[index].committedSequence = committed - 1
        }
        subscribers[index].uncommitted = []
        subscribers[index].lastSequence = subscribers[index].committedSequence
        queue.add(.happening(comeAgain(index)), atNs: nowNs + .ms(random.number(1, 700)))
    }

    /// The place of the happening by which it came first.
    private func comeAgain(_ index: Int) -> Int {
        plan.happenings.firstIndex {
            if case .subscriberComes(index) = $0.what { true } else { false }
        } ?? 0
    }

    /// In the end it has read all that there is.
    func finish(_ index: Int) {
        while read(index, limitBytes: 1 << 20) {}
        guard subscribers[index].reader != nil, let feed = feeds.last else { return }
        let newest = feed.log.newestSequence
        guard subscribers[index].feed == feed.identity, subscribers[index].lastSequence != newest else { return }
        let last = subscribers[index].lastSequence ?? 0
        verdict.found(.completeness, atNs: nowNs, "subscriber \(index) has come to frame \(last) of \(newest)")
    }
}
