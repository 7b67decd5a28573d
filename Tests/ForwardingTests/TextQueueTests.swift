import Feed
import Testing

@testable import Forwarding

/// What a collector that takes a stream of bytes is given, and given again.
struct TextQueueTests {
    private func token(_ sequence: UInt64) -> ResumeToken {
        ResumeToken(feed: FeedIdentity(id: FeedID(high: 1, low: 2)), sequence: sequence, watermarkNs: 0)
    }

    /// Takes up to `count` bytes off the queue.
    private func send(_ queue: inout TextQueue, _ count: Int) -> String {
        var text: [UInt8] = []
        while text.count < count, queue.hasUnsent {
            let part = queue.withNext { Array($0.prefix(count - text.count)) } ?? []
            queue.sent(part.count)
            text += part
        }
        return String(decoding: text, as: UTF8.self)
    }

    private func queue(_ texts: String...) -> TextQueue {
        var queue = TextQueue()
        for (index, text) in texts.enumerated() {
            queue.append(Array(text.utf8), .init(token: token(UInt64(index + 1)), events: 1))
        }
        return queue
    }

    @Test
    func `bytes go out in order, whatever is taken at a time`() {
        for size in 1...9 {
            var queue = queue("ab\n", "c\n", "def\n")
            var all = ""
            while queue.hasUnsent { all += send(&queue, size) }
            #expect(all == "ab\nc\ndef\n")
            #expect(queue.onTheirWay == 9)
        }
    }

    @Test
    func `a token is done with when the last byte before it is taken, and not before`() {
        var queue = queue("ab\n", "c\n")
        _ = send(&queue, 5)
        #expect(queue.taken(allBut: 3) == nil)
        #expect(queue.taken(allBut: 2) == .init(token: token(1), events: 1))
        #expect(queue.byteCount == 2 && !queue.isEmpty)
        #expect(queue.taken(allBut: 1) == nil)
        #expect(queue.taken(allBut: 0) == .init(token: token(2), events: 1))
        #expect(queue.isEmpty && queue.byteCount == 0)
    }

    @Test
    func `what is not known to be taken goes out again, from the start of its piece`() {
        var queue = queue("ab\n", "cd\n", "e\n")
        #expect(send(&queue, 7) == "ab\ncd\ne")
        #expect(queue.taken(allBut: 2) == .init(token: token(1), events: 1))
        queue.restart()
        #expect(queue.onTheirWay == 0)
        #expect(send(&queue, 100) == "cd\ne\n")
        #expect(queue.taken(allBut: 0) == .init(token: token(3), events: 2))
    }

    @Test
    func `a frame without a line is done with once all before it is`() {
        var queue = queue("ab\n")
        queue.append([], .init(token: token(2)))
        _ = send(&queue, 3)
        #expect(queue.taken(allBut: 1) == nil)
        #expect(queue.taken(allBut: 0) == .init(token: token(2), events: 1))
        queue.append([], .init(token: token(3)))
        #expect(!queue.hasUnsent && queue.taken(allBut: 0) == .init(token: token(3)))
        #expect(queue.isEmpty)
    }

    @Test
    func `a long life costs no memory`() {
        var queue = TextQueue()
        for number in 1...10_000 {
            queue.append([10], .init(token: token(UInt64(number)), events: 1))
            if number % 3 == 0 { queue.restart() }
            _ = send(&queue, 100)
            #expect(queue.taken(allBut: 0)?.token == token(UInt64(number)))
        }
        #expect(queue.byteCount == 0 && queue.onTheirWay == 0)
    }

    @Test
    func `delays double up to their limit, half of each is drawn, and what the collector asks for counts`() {
        var delay = RetryDelay(minimumNs: 100, maximumNs: 350)
        #expect(delay.failed(draw: 0) == 50)
        #expect(delay.failed(draw: 1) == 200)
        #expect(delay.failed(draw: 1) == 350)
        #expect(delay.failed(draw: 0.5, atLeastNs: 1000) == 1000)
        delay.succeeded()
        #expect(delay.failed(draw: 1) == 100)
        #expect(delay.failed(draw: 0, atLeastNs: .max) == 3_600_000_000_000)
    }
}
