/// What the relay says, part by part. A handler either keeps the reply going (`expectation`) or calls `finishReply`.
extension Viewer {
    /// Size of the part that is expected next, in bytes; never 0.
    func partBytes(of request: SentRequest.Kind) -> Int {
        switch expectation {
        case .listEntry: return minor >= LiveVersion.longListMinor ? WireSize.listEntryHead : WireSize.listEntry
        case .listNames(let head): return head.hostnameBytes + head.nameBytes
        case .stream: return WireSize.stream
        case .reply, .payload: break
        }
        switch request {
        case .connect: return WireSize.connectReply
        case .createViewerSession: return WireSize.viewerSessionReply
        case .list: return WireSize.listReply
        case .attach, .newStreams: return WireSize.streamsReply
        case .detach: return WireSize.detachReply
        case .nextIndex: return WireSize.indexReply
        case .packet: return WireSize.packetReply
        case .metadata: return WireSize.metadataReply
        }
    }

    /// A whole part came.
    mutating func partCame(_ bytes: UnsafeRawBufferPointer, of request: SentRequest, now: UInt64) {
        switch expectation {
        case .listEntry: return listEntryCame(bytes)
        case .listNames(let head): return listNamesCame(bytes, head)
        case .stream: return streamCame(bytes, request.kind)
        case .reply, .payload: break
        }
        switch request.kind {
        case .connect: connectReplied(bytes, now: now)
        case .createViewerSession: viewerSessionReplied(bytes)
        case .list: listReplied(bytes)
        case .attach(let session): attachReplied(bytes, session)
        case .detach(let session): detachReplied(bytes, session)
        case .newStreams(let session): newStreamsReplied(bytes, session, now: now)
        case .nextIndex(let stream): indexReplied(bytes, stream, now: now)
        case .packet(let stream, let slice): packetReplied(bytes, stream, slice, now: now)
        case .metadata(let trace): metadataReplied(bytes, trace, now: now)
        }
    }

    /// The reply to the oldest request is complete.
    mutating func finishReply() {
        sent.removeFirst()
        expectation = .reply
    }

    // MARK: Connection

    private mutating func connectReplied(_ bytes: UnsafeRawBufferPointer, now: UInt64) {
        let major = bytes.load(UInt32.self, at: 8)
        guard major == LiveVersion.major else { return fail(.majorVersion(major)) }
        minor = min(LiveVersion.minor, bytes.load(UInt32.self, at: 12))
        actions.append(.negotiated(minor: minor))
        finishReply()
        state = .creating
        output.append(request: .createViewerSession)
        expect(.createViewerSession, now: now)
    }

    private mutating func viewerSessionReplied(_ bytes: UnsafeRawBufferPointer) {
        let code = bytes.load(UInt32.self, at: 0)
        switch ViewerSessionStatus(rawValue: code) {
        case .ok:
            finishReply()
            state = .ready
        case .failed: fail(.viewerSessionRefused)
        case nil: fail(.unknownStatus(code))
        }
    }
}
