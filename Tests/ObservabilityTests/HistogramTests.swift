import Testing

@testable import Observability

struct HistogramTests {
    @Test
    func `each duration is in exactly one bucket, the first that is long enough`() {
        let bounds = Histogram.latencyBoundsNs
        for (number, bound) in bounds.enumerated() {
            for (ns, bucket) in [(bound - 1, number), (bound, number), (bound + 1, number + 1)] {
                var histogram = Histogram()
                histogram.record(ns: Int64(ns))
                #expect(histogram.counts.firstIndex(of: 1) == bucket && histogram.counts.reduce(0, +) == 1, "\(ns)")
                #expect(histogram.sumNs == ns && histogram.count == 1)
            }
        }
    }

    @Test
    func `a sum that is too great stays at its greatest value`() {
        var histogram = Histogram()
        for _ in 0..<3 { histogram.record(ns: .max) }
        #expect(histogram.sumNs == .max && histogram.count == 3)
    }
}
