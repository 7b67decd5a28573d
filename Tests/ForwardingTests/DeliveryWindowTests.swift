import Feed
import Testing

@testable import Forwarding

/// Batches on their way to a collector that answers, as scripts.
struct DeliveryWindowTests {
    private func token(_ sequence: UInt64) -> ResumeToken {
        ResumeToken(feed: FeedIdentity(id: FeedID(high: 1, low: 2)), sequence: sequence, watermarkNs: 0)
    }

    private func window(concurrency: Int, batches: Int) -> DeliveryWindow {
        var window = DeliveryWindow(
            concurrency: concurrency,
            delay: RetryDelay(minimumNs: 1000, maximumNs: 8000),
            holdDelay: RetryDelay(minimumNs: 100_000, maximumNs: 400_000)
        )
        for number in 0..<batches {
            #expect(window.add(.init(token: token(UInt64(number + 1)), events: 10)) == UInt64(number))
        }
        return window
    }

    private func done(_ sequence: UInt64, events: UInt64, refused: UInt64 = 0) -> DeliveryWindow.Done {
        .init(progress: .init(token: token(sequence), events: events), refusedEvents: refused)
    }

    @Test
    func `as many are sent at once as may be, and the feed is done with in order, whatever the order of answers`() {
        var window = window(concurrency: 2, batches: 3)
        #expect(window.next(nowNs: 0) == 0)
        #expect(window.next(nowNs: 0) == 1)
        #expect(window.next(nowNs: 0) == nil)
        #expect(window.ended(1, .done(refused: 0), nowNs: 1, draw: 0) == nil)
        #expect(window.next(nowNs: 1) == 2)
        #expect(window.ended(2, .done(refused: 0), nowNs: 2, draw: 0) == nil)
        #expect(window.ended(0, .done(refused: 0), nowNs: 3, draw: 0) == done(3, events: 30))
        #expect(window.isEmpty)
    }

    @Test
    func `what fails is sent again after a while that grows, alone, and nothing else meanwhile`() {
        var window = window(concurrency: 2, batches: 3)
        #expect(window.next(nowNs: 0) == 0 && window.next(nowNs: 0) == 1)
        #expect(window.ended(0, .failed(afterNs: 0), nowNs: 0, draw: 1) == nil)
        #expect(window.pausedUntilNs == 1000 && window.next(nowNs: 999) == nil)
        // The other is still on its way: no second one beside it.
        #expect(window.next(nowNs: 1000) == nil)
        #expect(window.ended(1, .failed(afterNs: 0), nowNs: 1000, draw: 1) == nil)
        #expect(window.pausedUntilNs == 3000)
        #expect(window.next(nowNs: 3000) == 0 && window.next(nowNs: 3000) == nil)
        #expect(window.ended(0, .done(refused: 0), nowNs: 3001, draw: 0) == done(1, events: 10))
        #expect(window.next(nowNs: 3001) == 1 && window.next(nowNs: 3001) == 2)
    }

    @Test
    func `the collector is not asked before it said`() {
        var window = window(concurrency: 1, batches: 1)
        #expect(window.next(nowNs: 5) == 0)
        #expect(window.ended(0, .failed(afterNs: 70_000), nowNs: 10, draw: 0) == nil)
        #expect(window.next(nowNs: 70_009) == nil && window.hasWaiting)
        #expect(window.next(nowNs: 70_010) == 0)
    }

    @Test
    func `what is held against us waits longer each time, unless something has changed`() {
        var window = window(concurrency: 2, batches: 2)
        #expect(window.next(nowNs: 0) == 0 && window.next(nowNs: 0) == 1)
        #expect(window.ended(0, .held(afterNs: 0), nowNs: 0, draw: 1) == nil)
        #expect(window.ended(1, .held(afterNs: 0), nowNs: 10, draw: 1) == nil)
        #expect(window.pausedUntilNs == 100_000 && window.next(nowNs: 99_999) == nil)
        // Nothing is gone past, and one at a time is enough to see.
        #expect(window.next(nowNs: 100_000) == 0 && window.next(nowNs: 100_000) == nil)
        #expect(window.ended(0, .held(afterNs: 0), nowNs: 100_000, draw: 1) == nil)
        #expect(window.pausedUntilNs == 300_000)
        window.resume()
        #expect(window.next(nowNs: 100_001) == 0)
        #expect(window.ended(0, .held(afterNs: 0), nowNs: 100_001, draw: 1) == nil)
        #expect(window.pausedUntilNs == 200_001)
        // A failure in between does not wait as long.
        #expect(window.next(nowNs: 200_001) == 0)
        #expect(window.ended(0, .failed(afterNs: 0), nowNs: 200_001, draw: 1) == nil)
        #expect(window.pausedUntilNs == 201_001)
        // What the collector asks for has nothing to do with what it holds against us.
        window.resume()
        #expect(window.pausedUntilNs == 201_001)
        #expect(window.next(nowNs: 201_001) == 0)
        #expect(window.ended(0, .done(refused: 0), nowNs: 201_002, draw: 0) == done(1, events: 10))
        #expect(window.next(nowNs: 201_002) == 1)
        #expect(window.ended(1, .held(afterNs: 0), nowNs: 201_002, draw: 1) == nil)
        #expect(window.pausedUntilNs == 301_002)
    }

    @Test
    func `what is refused for good is counted, and gone past`() {
        var window = window(concurrency: 1, batches: 2)
        #expect(window.next(nowNs: 0) == 0)
        #expect(window.ended(0, .done(refused: 99), nowNs: 0, draw: 0) == done(1, events: 0, refused: 10))
        #expect(window.next(nowNs: 0) == 1)
        #expect(window.ended(1, .done(refused: 3), nowNs: 0, draw: 0) == done(2, events: 7, refused: 3))
    }

    @Test
    func `a connection that was stale costs no delay, and an answer that comes twice nothing`() {
        var window = window(concurrency: 1, batches: 1)
        #expect(window.next(nowNs: 0) == 0)
        window.unsent(0)
        #expect(window.next(nowNs: 0) == 0)
        #expect(window.ended(0, .done(refused: 0), nowNs: 0, draw: 0) == done(1, events: 10))
        #expect(window.ended(0, .failed(afterNs: 9), nowNs: 0, draw: 0) == nil)
        #expect(window.isEmpty && window.pausedUntilNs < 0)
    }

    @Test
    func `the feed goes on without events, after those that are on their way`() {
        var window = DeliveryWindow(concurrency: 1)
        #expect(window.passed(token(1)) == done(1, events: 0))
        _ = window.add(.init(token: token(2), events: 1))
        #expect(window.passed(token(5)) == nil)
        #expect(window.next(nowNs: 0) == 0)
        #expect(window.ended(0, .done(refused: 0), nowNs: 0, draw: 0) == done(5, events: 1))
    }
}

/// What a collector answers.
struct CollectorAnswerTests {
    private func answer(_ status: Int, _ retryAfter: String? = nil, body: [UInt8] = []) -> CollectorAnswer {
        CollectorAnswer(status: status, reason: "Odd", body: body, retryAfter: retryAfter, nowSeconds: 784_111_777)
    }

    @Test
    func `statuses say whether another attempt is worth it`() {
        for status in [200, 202] { #expect(answer(status).verdict == .accepted(rejected: 0)) }
        for status in [429, 502, 503, 504] { #expect(answer(status).verdict == .failed(afterNs: 0)) }
        for status in [301, 308, 401, 403, 404, 405, 415, 501] {
            #expect(answer(status).verdict == .held(afterNs: 0))
        }
        for status in [400, 422, 500] { #expect(answer(status).verdict == .refused) }
        #expect(answer(413).verdict == .tooLarge)
        #expect(answer(401).trouble == "the collector answered 401 Odd")
        // Status { code: 3, message: "no" }
        #expect(answer(400, body: [8, 3, 0x12, 2, 0x6E, 0x6F]).trouble == "the collector answered 400 Odd: no")
        #expect(answer(400, body: [0xFF, 0xFF]).trouble == "the collector answered 400 Odd")
    }

    @Test
    func `what a page says is told, as far as it is text, and not at length`() {
        let page = Array("<html>\r\n  <b>no\taccess</b>\n".utf8)
        #expect(answer(403, body: page).trouble == "the collector answered 403 Odd: <html> <b>no access</b>")
        for odd in [[0x1B, 0x5B, 0x41], Array("a\u{0}b".utf8)] {
            #expect(answer(403, body: odd).trouble == "the collector answered 403 Odd")
        }
        // Cut off in the middle of a character.
        let long = answer(403, body: Array(String(repeating: "aéé", count: 10_000).utf8)).trouble
        #expect(long?.unicodeScalars.count == "the collector answered 403 Odd: ".count + 512)
        let reason = CollectorAnswer(
            status: 400,
            reason: String(repeating: "x", count: 9999),
            body: [],
            retryAfter: nil,
            nowSeconds: 0
        )
        #expect((reason.trouble?.count ?? 0) < 600)
    }

    @Test
    func `what is partly taken is told`() {
        // LogsAnswer { partial_success { rejected_log_records: 5, error_message: "no" } }
        let partial = answer(200, body: [0x0A, 6, 8, 5, 0x12, 2, 0x6E, 0x6F])
        #expect(partial.verdict == .accepted(rejected: 5))
        #expect(partial.trouble == "5 records were not taken: no")
        #expect(answer(200, body: [1, 2, 3]).verdict == .accepted(rejected: 0))
    }

    @Test
    func `Retry-After is a number of seconds or a date`() {
        #expect(answer(429, "7").verdict == .failed(afterNs: 7_000_000_000))
        #expect(answer(503, "Sun, 06 Nov 1994 08:49:47 GMT").verdict == .failed(afterNs: 10_000_000_000))
        #expect(answer(503, "Sun, 06 Nov 1994 08:49:27 GMT").verdict == .failed(afterNs: 0))
        for odd in ["", "-1", "soon", "1e9", "99999999999999", "Sun, 06 Nov 1994 08:49:37 CET"] {
            #expect(answer(429, odd).verdict == .failed(afterNs: 0))
        }
        #expect(CollectorAnswer.secondsSinceEpoch(httpDate: "Thu, 01 Jan 1970 00:00:00 GMT") == 0)
        #expect(CollectorAnswer.secondsSinceEpoch(httpDate: "Tue, 29 Feb 2028 23:59:59 GMT") == 1_835_481_599)
    }
}
