package import Feed
import FeedLog
import Logging
package import NIOCore

/// What a follower is given: what lives before the frames, where they do not follow those that it has, and the frames.
package struct FeedPortion: Sendable {
    /// Not nil at the first portion, and where the log has dropped or lost what would have followed: its gap then says
    /// how much.
    package var opening: SubscriptionOpening?
    package var frames: [EncodedFrame]
}

/// A subscriber inside the process: it reads the log through a cursor of its own, and asks for more when it has room.
///
/// It costs the feed no more than reading: whoever does not ask is not given anything, and falls out of the log in the
/// end, which the next portion says. How far it has come outlives the process where the log does, under its name. May
/// be used from any thread; at most one portion is asked for at a time.
package final class FeedFollower: Sendable {
    /// How it stands in the feed.
    package struct Place: Sendable, Equatable {
        /// The last frame that is done with, and the feed's newest.
        package var acknowledged: UInt64
        package var newest: UInt64
    }

    /// Whose cursors they are: no certificate bears this name, whose first character no name has.
    static let identity = "\u{1}forward"
    private let hub: FeedHub
    private let portionBytes: Int
    private let key: CursorTable.Key
    private let state: NIOLoopBoundBox<State>

    private struct State {
        /// Nil until it is opened.
        var position: LogPosition?
        var acknowledged: UInt64 = 0
        var waiting: EventLoopPromise<FeedPortion?>?
        /// A stop, or the end of the feed and all before it given.
        var isStopped = false
        var isReading = false
    }

    /// - Parameter portionBytes: log bytes that are given at a time.
    init(hub: FeedHub, name: String, portionBytes: Int = 1 << 20) {
        self.hub = hub
        self.portionBytes = portionBytes
        key = CursorTable.Key(identity: Self.identity, name: name)
        state = NIOLoopBoundBox.makeBoxSendingValue(State(), eventLoop: hub.loop)
    }

    package var feed: FeedIdentity { hub.feed }
    /// The feed's life in which a frame of it was written.
    package func epoch(of sequence: UInt64) -> UInt64 { hub.history.epoch(of: sequence) }

    /// Finds where it begins: at its own cursor, or else at `start`.
    /// - Parameters:
    ///   - token: where its collector says that it is; wins over the cursor.
    ///   - start: where it begins that has neither, or one of another feed.
    ///   - usesCursor: false: the cursor does not count.
    /// - Returns: what the first portion begins with, and the token that was followed; nil where it was `start`.
    package func open(
        token: ResumeToken?,
        start: SubscriptionStart,
        usesCursor: Bool = true
    ) -> EventLoopFuture<(portion: FeedPortion, token: ResumeToken?)> {
        hub.loop.flatSubmit {
            let token = token ?? (usesCursor ? self.hub.cursor(self.key) : nil)
            do throws(Refusal) {
                return try self.begin(token.map { .token($0) } ?? start).map { ($0, token) }
            } catch {
                guard token != nil else { return self.hub.loop.makeFailedFuture(error) }
            }
            do throws(Refusal) {
                return try self.begin(start).map { ($0, nil) }
            } catch {
                return self.hub.loop.makeFailedFuture(error)
            }
        }
    }

    private func begin(_ start: SubscriptionStart) throws(Refusal) -> EventLoopFuture<FeedPortion> {
        let reading = try hub.opening(start)
        hub.add(self)
        return reading.future(on: hub.loop).map { self.take($0) ?? FeedPortion(opening: nil, frames: []) }
    }

    /// What comes next, as soon as there is something.
    /// - Returns: nil once the feed has ended and all of it was given, or the follower is stopped.
    package func next() -> EventLoopFuture<FeedPortion?> {
        hub.loop.flatSubmit {
            let promise = self.hub.loop.makePromise(of: FeedPortion?.self)
            self.state.value.waiting = promise
            self.pump()
            return promise.futureResult
        }
    }

    /// All up to the token is done with.
    package func acknowledge(_ token: ResumeToken) {
        hub.loop.execute {
            self.state.value.acknowledged = token.sequence
            // A token of this feed's own frames: nothing is to be refused.
            do throws(Refusal) {
                try self.hub.acknowledge(self.key, token)
            } catch {
                self.hub.logger.error("a forwarder's cursor is lost", metadata: ["reason": "\(error.text)"])
            }
        }
    }

    package func place() -> EventLoopFuture<Place> {
        hub.loop.submit {
            Place(acknowledged: self.state.value.acknowledged, newest: self.hub.newestSequence)
        }
    }

    /// Nothing more is given; its cursor stays.
    package func stop() {
        hub.loop.execute {
            self.state.value.isStopped = true
            self.hub.remove(self)
            self.answer(nil)
        }
    }

    // MARK: On the feed's loop

    /// There may be more in the log, or it has ended.
    func pump() {
        guard state.value.waiting != nil, !state.value.isReading else { return }
        guard !state.value.isStopped, let position = state.value.position else { return answer(nil) }
        state.value.isReading = true
        hub.read(after: position, limitBytes: portionBytes).future(on: hub.loop).whenComplete { result in
            self.state.value.isReading = false
            switch result {
            case .success(let read):
                if let portion = self.take(read) {
                    self.answer(portion)
                } else if self.hub.hasEnded {
                    self.answer(nil)
                } else if self.hub.newestSequence > self.state.value.position?.sequence ?? 0 {
                    // Something came while the disk was read.
                    self.pump()
                }
            case .failure: self.answer(nil)
            }
        }
    }

    private func answer(_ portion: FeedPortion?) {
        guard let waiting = state.value.waiting else { return }
        state.value.waiting = nil
        waiting.succeed(portion)
    }

    /// - Returns: nil where the log has no more.
    private func take(_ read: StoredRead) -> FeedPortion? {
        if let damage = read.damage {
            hub.logger.error("the log is damaged: \(damage)", metadata: ["follower": "\(key.name)"])
        }
        state.value.position = read.position
        switch read.found {
        case .frames(let frames): return FeedPortion(opening: nil, frames: frames)
        case .fallenOut(let opening):
            if state.value.acknowledged == 0 { state.value.acknowledged = opening.state.sequence }
            return FeedPortion(opening: opening, frames: [])
        case .atEnd, .unreadable: return nil
        }
    }
}
