import Feed
import HandmadeTraces

@testable import Forwarding

extension HandmadeTrace {
    /// A trace of one event class, whose only number is in so many structures.
    static func nested(_ depth: Int) -> String {
        """
        trace { major = 1; minor = 8; byte_order = le; }; stream {};
        event { name = "deep"; id = 0; fields := struct { \(String(repeating: "struct { ", count: depth))
            integer { size = 8; align = 8; signed = false; } x;
        \(String(repeating: "} s; ", count: depth))}; };
        """
    }

    /// Ticks with these numbers, whose times are these as well.
    func ticks(_ numbers: ClosedRange<Int>, stream: UInt64 = 3) throws -> EventSlice {
        try slice(
            numbers.flatMap { little(UInt64($0)) + [UInt8(truncatingIfNeeded: $0)] },
            events: numbers.count,
            stream: stream
        )
    }
}

extension ForwardedFrame {
    /// - Parameters:
    ///   - order: slices, by index, and how many events of each follow.
    ///   - hasToken: whether one can go on after it.
    init(
        _ slices: [EventSlice],
        order: [(Int, Int)],
        sequence: UInt64 = 7,
        epoch: UInt64 = 1,
        hasToken: Bool = true
    ) {
        self.init(
            batch: FeedBatch(sequence: sequence, records: [.events(EventGroup(slices, order: order))]),
            epoch: epoch,
            token: hasToken ? .made(sequence) : nil,
            isCheckpoint: false
        )
    }
}

extension ResumeToken {
    static func made(_ sequence: UInt64) -> ResumeToken {
        ResumeToken(feed: FeedIdentity(id: FeedID(high: 1, low: 2)), sequence: sequence, watermarkNs: 0)
    }
}
