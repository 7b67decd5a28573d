/// A request that was sent and whose reply is due. Replies come in the order of the requests.
struct SentRequest: BitwiseCopyable {
    enum Kind: BitwiseCopyable {
        case connect
        case createViewerSession
        case list
        /// Slots of `Viewer.attachedSessions`.
        case attach(session: Int)
        case detach(session: Int)
        case newStreams(session: Int)
        /// Slots of `Viewer.streams`.
        case nextIndex(stream: Int)
        case packet(stream: Int, slice: PacketSlice)
        /// A slot of `Viewer.traces`.
        case metadata(trace: Int)
    }

    var kind: Kind
    var sentAt: UInt64
}

/// A part of a packet that one GET_PACKET asks for, in bytes from the packet's start.
struct PacketSlice: BitwiseCopyable {
    var offset: UInt64
    var length: UInt32
}

/// First in, first out, in a ring whose capacity is a power of two and only grows.
struct RequestQueue {
    private var ring: ContiguousArray<SentRequest> = []
    private var head = 0
    private(set) var count = 0

    var first: SentRequest? { count == 0 ? nil : ring[head] }

    /// The request `index` places behind the first.
    subscript(index: Int) -> SentRequest { ring[(head + index) & (ring.count - 1)] }

    mutating func append(_ request: SentRequest) {
        if count == ring.count { grow(filler: request) }
        ring[(head + count) & (ring.count - 1)] = request
        count += 1
    }

    mutating func removeFirst() {
        precondition(count > 0)
        head = (head + 1) & (ring.count - 1)
        count -= 1
    }

    private mutating func grow(filler: SentRequest) {
        var larger = ContiguousArray(repeating: filler, count: max(16, ring.count * 2))
        for index in 0..<count {
            larger[index] = ring[(head + index) & (ring.count - 1)]
        }
        ring = larger
        head = 0
    }
}
