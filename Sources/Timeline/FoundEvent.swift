/// Where an event stands in the order of time: by time, then frame, then index in the frame.
package struct EventPosition: Sendable, Hashable, Comparable {
    /// Nanoseconds since the Unix epoch.
    package var ns: Int64
    package var sequence: UInt64
    /// Among the frame's events in feed order, from 0.
    package var index: UInt32

    package init(ns: Int64, sequence: UInt64, index: UInt32) {
        self.ns = ns
        self.sequence = sequence
        self.index = index
    }

    package static func < (left: EventPosition, right: EventPosition) -> Bool {
        (left.ns, left.sequence, left.index) < (right.ns, right.sequence, right.index)
    }
}

/// An event that was looked for.
package struct FoundEvent: Sendable, Equatable {
    package var position: EventPosition
    /// Its stream's.
    package var lane: UInt32
    package var name: String
    /// How far it was behind W, nanoseconds; 0: it was not.
    package var lateNs: Int64
}
