/// A relay session as its relayd numbers it; unique for the relayd's lifetime.
package struct LiveSessionID: Hashable, BitwiseCopyable, Sendable {
    package var rawValue: UInt64

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// A stream as its relayd numbers it (the viewer stream handle, not the CTF stream class); unique for the relayd's
/// lifetime.
package struct LiveStreamID: Hashable, BitwiseCopyable, Sendable {
    package var rawValue: UInt64

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// A CTF trace of a relay session (`ctf_trace_id`): one per kernel, user or process inside it.
package struct LiveTraceID: Hashable, BitwiseCopyable, Sendable {
    package var rawValue: UInt64

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }
}
