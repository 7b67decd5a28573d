/// A relay's place in a `Frontier`.
package struct FrontierRelay: BitwiseCopyable, Sendable, Hashable {
    package let index: UInt32
}

/// A relay session's place in a `Frontier`.
package struct FrontierSession: BitwiseCopyable, Sendable, Hashable {
    package let index: UInt32
}

/// A stream's place in a `Frontier`.
package struct FrontierStream: BitwiseCopyable, Sendable, Hashable {
    package let index: UInt32
}

/// Whose bound is the watermark.
package struct WatermarkHolder: Sendable, Equatable {
    package var relay: FrontierRelay
    /// Nil: the relay's own bound holds (not attached yet, no session, no LIST since).
    package var session: FrontierSession?
    /// Nil: the session's own bound holds (no stream, no GET_NEW_STREAMS since).
    package var stream: FrontierStream?
    /// The bound that holds, nanoseconds since the Unix epoch; nil: nothing is known yet.
    package var boundNs: Int64?

    package init(
        relay: FrontierRelay,
        session: FrontierSession? = nil,
        stream: FrontierStream? = nil,
        boundNs: Int64? = nil
    ) {
        self.relay = relay
        self.session = session
        self.stream = stream
        self.boundNs = boundNs
    }
}

struct StreamNode {
    /// Nil: free.
    var session: FrontierSession?
    /// In the session's tree.
    var leaf: Int
}

struct SessionNode {
    /// Nil: free.
    var relay: FrontierRelay?
    /// In the relay's trees.
    var leaf: Int
    /// Leaf 0 is the session's own bound, the others are its streams'.
    var bounds = MinimumTree()
    /// By leaf; index 0 and free leaves mean nothing.
    var streamOfLeaf: [FrontierStream] = []
    var streamCount = 0
}

struct RelayNode {
    var isThere = true
    var counts = true
    /// Leaf 0 is the relay's own bound, the others are its sessions'.
    var bounds = MinimumTree()
    /// The same leaves, without the sessions that have no stream.
    var lent = MinimumTree()
    /// By leaf; index 0 and free leaves mean nothing.
    var sessionOfLeaf: [FrontierSession] = []
    var sessionsWithStreams = 0
}
