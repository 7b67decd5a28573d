import Feed
import Glibc
import Rendering
import Runtime

/// Shows on standard error how far long work on a feed has come: one line, replaced a few times a second, and only
/// where standard error is a terminal and the data does not go to one. Used by one thread at a time.
final class ProgressLine {
    /// What the whole is.
    enum Goal {
        /// Nobody knows.
        case unknown
        /// The feed's frame of this number.
        case sequence(UInt64)
        /// The watermark at this time, nanoseconds; and where it begins, if that is known.
        case time(fromNs: Int64?, toNs: Int64)
        /// What is traced now: it is over when the watermark is near.
        case present
    }

    /// Work that is over sooner is not shown.
    private static let quiet = Duration.seconds(1)
    private static let pause = Duration.milliseconds(250)
    /// A watermark that is less behind is at the present, nanoseconds.
    private static let presentNs: Int64 = 3_000_000_000

    private let what: String
    private let goal: Goal
    private let begin = ContinuousClock.now
    private var next: ContinuousClock.Instant
    private var firstSequence: UInt64?
    private var firstNs: Int64?
    /// Whether nothing is shown any more.
    private(set) var isOver: Bool

    /// - Parameter writesToTerminal: whether the data goes to standard output, where that is a terminal.
    init(_ what: String, goal: Goal, writesToOutput: Bool) {
        self.what = what
        self.goal = goal
        next = begin + Self.quiet
        isOver = !standardError.isTerminal || writesToOutput && isatty(1) == 1
    }

    /// A batch has been dealt with.
    /// - Parameter events: so far.
    func update(_ batch: FeedBatch, events: UInt64) {
        update(sequence: batch.sequence, watermarkNs: batch.watermarkNs, events: events)
    }

    /// The feed has come so far.
    func update(sequence: UInt64, watermarkNs: Int64?, events: UInt64) {
        guard !isOver else { return }
        firstSequence = firstSequence ?? sequence
        firstNs = firstNs ?? watermarkNs
        if case .present = goal, let watermarkNs, WallClock.nowNs - watermarkNs < Self.presentNs { return end() }
        let now = ContinuousClock.now
        guard now >= next else { return }
        next = now + Self.pause
        let elapsed = (now - begin).components
        let text = ProgressText(
            elapsedNs: elapsed.seconds * 1_000_000_000 + elapsed.attoseconds / 1_000_000_000,
            events: events,
            fraction: fraction(sequence, watermarkNs)
        )
        standardError.show(text.line(what, width: standardError.width - 1))
    }

    /// The work is over: nothing is shown any more.
    func end() {
        guard !isOver else { return }
        isOver = true
        standardError.hide()
    }

    private func fraction(_ sequence: UInt64, _ watermarkNs: Int64?) -> Double? {
        switch goal {
        case .unknown: return nil
        case .sequence(let last):
            let first = firstSequence ?? last
            guard last > first else { return nil }
            return Double(sequence - min(first, sequence)) / Double(last - first)
        case .time(let fromNs, let toNs): return Self.fraction(watermarkNs, from: fromNs ?? firstNs, to: toNs)
        case .present: return Self.fraction(watermarkNs, from: firstNs, to: WallClock.nowNs)
        }
    }

    private static func fraction(_ watermarkNs: Int64?, from: Int64?, to: Int64) -> Double? {
        guard let from, let watermarkNs, to > from else { return nil }
        return (Double(watermarkNs) - Double(from)) / (Double(to) - Double(from))
    }
}
