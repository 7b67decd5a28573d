/// The relayd's role on one connection of one viewer, without I/O: requests in, replies out.
///
/// It frames and encodes; what there is to be had is the caller's business, who answers every request once and in
/// order. Replies are laid out as the minor version asks that both sides speak. What it keeps is one request of at
/// most 36 bytes and the replies that have not been taken.
package struct LiveServer: ~Copyable {
    /// The minor version that CONNECT is answered with.
    private let ownMinor: UInt32
    /// Spoken by both sides; nil before CONNECT.
    package private(set) var minor: UInt32?
    private var error: LiveServerError?
    /// A request that has come in part.
    private var partial: [UInt8] = []
    var output = WireOutput()

    /// - Parameter minor: the minor version to announce.
    package init(minor: UInt32 = LiveVersion.minor) {
        ownMinor = minor
    }

    /// Bytes came from the viewer.
    /// - Parameters:
    ///   - bytes: any part of the viewer's requests.
    ///   - requests: gets the requests that are whole now, in order.
    /// - Throws: what is wrong with the request after those; the connection is then to be closed.
    package mutating func received(
        _ bytes: UnsafeRawBufferPointer,
        requests: inout [LiveRequest]
    ) throws(LiveServerError) {
        if let error { throw error }
        var rest = bytes
        while !rest.isEmpty {
            let frame: Frame
            let taken: Int
            if partial.isEmpty {
                frame = Frame(rest)
                if case .request(_, let count) = frame { taken = count } else { taken = rest.count }
                if case .incomplete = frame { partial.append(contentsOf: rest) }
            } else {
                partial.append(rest[0])
                frame = partial.withUnsafeBytes { Frame($0) }
                taken = 1
            }
            rest = rest.part(taken..<rest.count)
            switch frame {
            case .incomplete: continue
            case .unknown(let code): throw remember(.unknownCommand(code))
            case .request(let request, _):
                partial.removeAll(keepingCapacity: true)
                try check(request)
                requests.append(request)
            }
        }
    }

    /// Replies that have not been taken.
    package var hasOutput: Bool { !output.bytes.isEmpty }

    /// Hands the replies to `body`, once, and forgets them.
    package mutating func takeOutput<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        defer { output.removeAll() }
        return output.bytes.withUnsafeBytes(body)
    }

    private mutating func check(_ request: LiveRequest) throws(LiveServerError) {
        if case .detach = request, ownMinor < LiveVersion.detachMinor {
            throw remember(.unknownCommand(LiveCommand.detachSession.rawValue))
        }
        guard case .connect(let major, let theirs, _) = request else {
            if minor == nil { throw remember(.outOfOrder) }
            return
        }
        guard minor == nil else { throw remember(.outOfOrder) }
        guard major == LiveVersion.major else { throw remember(.majorVersion(major)) }
        minor = min(ownMinor, theirs)
    }

    private mutating func remember(_ error: LiveServerError) -> LiveServerError {
        self.error = error
        return error
    }

    /// The version announced in CONNECT's reply.
    var announcedMinor: UInt32 { ownMinor }
}

/// What stands at the start of received bytes.
private enum Frame {
    case incomplete
    case unknown(UInt32)
    /// A request and its size in bytes.
    case request(LiveRequest, count: Int)

    init(_ bytes: UnsafeRawBufferPointer) {
        self = .incomplete
        guard bytes.count >= WireSize.requestHeader else { return }
        let code = bytes.load(UInt32.self, at: 8)
        guard let command = LiveCommand(rawValue: code) else {
            self = .unknown(code)
            return
        }
        let count = WireSize.requestHeader + command.payloadBytes
        guard bytes.count >= count else { return }
        self = .request(LiveRequest(command, payload: bytes.part(WireSize.requestHeader..<count)), count: count)
    }
}
