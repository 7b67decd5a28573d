/// How long to wait before the next attempt: doubles with each failure in a row, and half of it is drawn.
package struct RetryDelay: Sendable, Equatable {
    private let minimumNs: Int64
    private let maximumNs: Int64
    private var nextNs: Int64

    /// - Parameters: nanoseconds, positive.
    package init(minimumNs: Int64 = 200_000_000, maximumNs: Int64 = 30_000_000_000) {
        self.minimumNs = minimumNs
        self.maximumNs = maximumNs
        nextNs = minimumNs
    }

    /// An attempt has failed.
    /// - Parameters:
    ///   - draw: random, from 0 to 1.
    ///   - atLeastNs: what the collector asked for, nanoseconds; bounded by an hour.
    /// - Returns: nanoseconds until the next attempt.
    package mutating func failed(draw: Double, atLeastNs: Int64 = 0) -> Int64 {
        defer { nextNs = min(nextNs * 2, maximumNs) }
        let drawnNs = nextNs / 2 + Int64(Double(nextNs / 2) * min(max(draw, 0), 1))
        return max(drawnNs, Self.bounded(atLeastNs))
    }

    package mutating func succeeded() { nextNs = minimumNs }

    /// What a collector may ask for, nanoseconds.
    static func bounded(_ askedNs: Int64) -> Int64 { min(max(askedNs, 0), askedMaxNs) }

    private static let askedMaxNs: Int64 = 3_600_000_000_000
}
