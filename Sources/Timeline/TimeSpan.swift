/// The least and the greatest of some times, nanoseconds; none so far.
struct TimeSpan: Sendable {
    private(set) var range: ClosedRange<Int64>?

    mutating func add(_ ns: Int64) { add(ns...ns) }

    mutating func add(_ other: ClosedRange<Int64>) {
        guard let own = range else {
            range = other
            return
        }
        range = min(own.lowerBound, other.lowerBound)...max(own.upperBound, other.upperBound)
    }
}
