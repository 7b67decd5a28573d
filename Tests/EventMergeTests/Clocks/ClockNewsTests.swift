import EventMerge
import Testing

/// A `ClockNews` behind a reference, for use in expectations.
private final class Teller {
    private var news = ClockNews()
    var told: ClockEstimate? { news.told }

    func isNews(_ estimate: ClockEstimate, hasStepped: Bool, nowNs: Int64) -> Bool {
        news.isNews(estimate, hasStepped: hasStepped, nowNs: nowNs)
    }
}

struct ClockNewsTests {
    private let ms: Int64 = 1_000_000

    private func bound(_ lowerNs: Int64) -> ClockEstimate { ClockEstimate(quality: .oneSided, lowerNs: lowerNs) }

    @Test
    func `what was never known is no news, what is known first is`() {
        let news = Teller()
        #expect(!news.isNews(ClockEstimate(quality: .absent), hasStepped: false, nowNs: 0))
        #expect(news.isNews(bound(5), hasStepped: false, nowNs: 1))
        #expect(!news.isNews(bound(5), hasStepped: false, nowNs: .max))
        #expect(news.isNews(ClockEstimate(quality: .absent), hasStepped: false, nowNs: .max))
        #expect(!news.isNews(ClockEstimate(quality: .absent), hasStepped: false, nowNs: .max))
    }

    @Test
    func `a bound is news when it has moved by enough, and not too often`() {
        let news = Teller()
        #expect(news.isNews(bound(80 * ms), hasStepped: false, nowNs: 0))
        #expect(!news.isNews(bound(95 * ms), hasStepped: false, nowNs: ClockNews.intervalNs - 1))
        #expect(!news.isNews(bound(90 * ms), hasStepped: false, nowNs: ClockNews.intervalNs))
        #expect(news.isNews(bound(91 * ms), hasStepped: false, nowNs: ClockNews.intervalNs))
        #expect(!news.isNews(bound(80 * ms), hasStepped: false, nowNs: ClockNews.intervalNs + 1))
    }

    @Test
    func `a step is news at once`() {
        let news = Teller()
        #expect(news.isNews(bound(0), hasStepped: false, nowNs: 0))
        #expect(news.isNews(bound(0), hasStepped: true, nowNs: 1))
    }

    @Test
    func `of two bounds a quarter of what lies between is news`() {
        let news = Teller()
        func estimate(_ lower: Int64, _ upper: Int64, _ quality: SyncQuality = .accurate) -> ClockEstimate {
            ClockEstimate(quality: quality, lowerNs: lower, upperNs: upper)
        }
        let later = ClockNews.intervalNs
        #expect(news.isNews(estimate(0, 40_000), hasStepped: false, nowNs: 0))
        #expect(!news.isNews(estimate(9_000, 49_000), hasStepped: false, nowNs: later))
        #expect(news.isNews(estimate(11_000, 40_000), hasStepped: false, nowNs: later))
        #expect(news.isNews(estimate(11_000, 40_000, .failed), hasStepped: false, nowNs: later + 1))
    }

    @Test
    func `a drift is news when it becomes known, or changes by more than its error`() {
        let news = Teller()
        func estimate(_ ppb: Int64, _ errorPpb: Int64) -> ClockEstimate {
            ClockEstimate(quality: .oneSided, lowerNs: 0, drift: ClockDrift(ppb: ppb, errorPpb: errorPpb))
        }
        let step = ClockNews.intervalNs
        #expect(news.isNews(bound(0), hasStepped: false, nowNs: 0))
        #expect(news.isNews(estimate(20_000, 8_000), hasStepped: false, nowNs: step))
        #expect(!news.isNews(estimate(27_000, 8_000), hasStepped: false, nowNs: 2 * step))
        #expect(!news.isNews(bound(0), hasStepped: false, nowNs: 2 * step))
        #expect(news.isNews(estimate(29_000, 8_000), hasStepped: false, nowNs: 2 * step))
        #expect(news.isNews(estimate(29_000, 1_000), hasStepped: false, nowNs: 3 * step))
    }

    @Test
    func `the ends of the range are survived`() {
        let news = Teller()
        for lower in [Int64.min, .max, 0, .min] {
            for upper in [Int64.min, .max, 0] {
                let estimate = ClockEstimate(quality: .approximate, lowerNs: lower, upperNs: upper)
                _ = news.isNews(estimate, hasStepped: false, nowNs: .max)
                _ = news.isNews(estimate, hasStepped: false, nowNs: .min)
            }
        }
        #expect(news.told != nil)
    }
}
