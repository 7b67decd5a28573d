import Feed
import NIOPosix
import Timeline

/// The thread of the timeline: keeps its book, and asks it. Neither the feed nor its log waits for it.
///
/// What is confined to the thread is what `@unchecked Sendable` stands for.
final class TimelineLane: @unchecked Sendable {
    private let pool = NIOThreadPool(numberOfThreads: 1)
    // Confined to the thread.
    private var book: TimelineBook?
    private var bookNumber: UInt64 = 0
    /// The first frame behind the checkpoint, and the newest one when the book was begun: before it is there, nothing
    /// is answered.
    private var firstSequence: UInt64 = 0
    private var targetSequence: UInt64 = 0

    init() {
        pool.start()
    }

    /// Ends the thread; who still asks is refused.
    func close() async {
        try? await pool.shutdownGracefully()
    }

    /// Asks the book.
    /// - Parameter body: gets it, and its number: another book has given lanes other ids.
    /// - Throws: `TimelineUnavailable`, or what `body` throws.
    func ask<Answer: Sendable>(
        _ body: @escaping @Sendable (TimelineBook, UInt64) throws -> Answer
    ) async throws -> Answer {
        let answer: Result<Answer, any Error>
        do {
            answer = try await pool.runIfActive { Result { try self.ask(body) } }
        } catch {
            throw TimelineUnavailable.stopping
        }
        return try answer.get()
    }

    private func ask<Answer>(_ body: (TimelineBook, UInt64) throws -> Answer) throws -> Answer {
        guard let book else { throw TimelineUnavailable.starting(progress: 0) }
        guard book.sequence >= targetSequence else {
            let progress = Double(book.sequence - firstSequence) / Double(targetSequence - firstSequence)
            throw TimelineUnavailable.starting(progress: progress)
        }
        return try body(book, bookNumber)
    }

    // MARK: - Keeping

    /// Begins a new book.
    /// - Parameters:
    ///   - targetSequence: the newest frame that there is now.
    ///   - done: called on the thread.
    func begin(
        _ checkpoint: [EncodedFrame],
        _ state: FeedState,
        targetSequence: UInt64,
        done: @escaping @Sendable (FeedError?) -> Void
    ) {
        run(done) { () throws(FeedError) in
            self.book = nil
            self.bookNumber += 1
            self.firstSequence = state.sequence
            self.targetSequence = targetSequence
            self.book = try TimelineBook(checkpoint: checkpoint, watermarkNs: state.watermarkNs)
        }
    }

    /// Takes in the next frames.
    func take(_ frames: [EncodedFrame], done: @escaping @Sendable (FeedError?) -> Void) {
        run(done) { () throws(FeedError) in
            for frame in frames { try self.book?.take(frame) }
        }
    }

    /// The log has let go of the frames before a checkpoint.
    func drop(_ checkpoint: [EncodedFrame], _ state: FeedState, done: @escaping @Sendable (FeedError?) -> Void) {
        run(done) { () throws(FeedError) in
            try self.book?.drop(checkpoint: checkpoint, watermarkNs: state.watermarkNs)
        }
    }

    private func run(
        _ done: @escaping @Sendable (FeedError?) -> Void,
        _ body: @escaping @Sendable () throws(FeedError) -> Void
    ) {
        pool.submit { state in
            guard case .active = state else { return }
            do throws(FeedError) {
                try body()
                done(nil)
            } catch {
                self.book = nil
                done(error)
            }
        }
    }
}

/// Why the timeline does not answer.
package enum TimelineUnavailable: Error, Equatable {
    /// The counts are still being made of the log; how far they are, 0 to 1.
    case starting(progress: Double)
    /// The coordinator ends.
    case stopping
}
