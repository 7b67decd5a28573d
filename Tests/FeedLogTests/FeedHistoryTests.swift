import Feed
import Testing

@testable import FeedLog

/// The lives of a feed whose log has lost its end.
struct FeedHistoryTests {
    private let id = FeedID(high: 1, low: 2)

    private func epochs(_ history: FeedHistory, _ sequences: [UInt64]) -> [UInt64] {
        sequences.map { history.epoch(of: $0) }
    }

    @Test
    func `a frame is of the life that wrote it, however often the end was lost since`() {
        var history = FeedHistory(feed: FeedIdentity(id: id))
        #expect(epochs(history, [1, 100]) == [1, 1])
        history.cut(after: 10)
        #expect(epochs(history, [1, 10, 11, 100]) == [1, 1, 2, 2])
        history.cut(after: 20)
        #expect(epochs(history, [10, 11, 20, 21]) == [1, 2, 2, 3])
        // Further back than the others: of the second life nothing is left.
        history.cut(after: 5)
        #expect(epochs(history, [5, 6, 11, 21]) == [1, 4, 4, 4])
    }

    @Test
    func `what is older than the cuts that are known has a name that later cuts do not change`() {
        var history = FeedHistory(feed: FeedIdentity(id: id, epoch: 7))
        #expect(epochs(history, [1]) == [7])
        history.cut(after: 10)
        history.cut(after: 20)
        #expect(epochs(history, [1, 11, 21]) == [7, 8, 9])
    }
}
