import LTTngLive

/// A relayd that answers as it is told: queued answers first, else quiet ones (RETRY, NO_NEW, no new streams).
struct RelayDouble: ~Copyable {
    enum IndexAnswer {
        case packet(PacketIndex, flags: ReplyFlags = [])
        case beacon(UInt64, flags: ReplyFlags = [])
        case status(IndexStatus, flags: ReplyFlags = [])
        case raw([UInt8])
    }

    enum StreamsAnswer {
        case ok([LiveStream])
        case status(NewStreamsStatus)
        case raw([UInt8])
    }

    enum PacketAnswer {
        case bytes
        case status(PacketStatus, flags: ReplyFlags = [])
        case raw([UInt8])
    }

    var server: LiveServer
    var sessions: [ListedSession] = []
    var attachStatus = AttachStatus.ok
    /// Streams that ATTACH announces.
    var streams: [LiveSessionID: [LiveStream]] = [:]
    var newStreams: [LiveSessionID: [StreamsAnswer]] = [:]
    var indexes: [LiveStreamID: [IndexAnswer]] = [:]
    /// The answer of a stream whose queue is empty, by time.
    var quietIndex: [LiveStreamID: (UInt64) -> IndexAnswer] = [:]
    var packets: [LiveStreamID: [PacketAnswer]] = [:]
    var metadata: [LiveStreamID: [(MetadataStatus, [UInt8])]] = [:]
    var rawList: [UInt8]?
    var rawConnect: [UInt8]?
    var rawAttach: [UInt8]?
    var viewerSessionStatus = ViewerSessionStatus.ok
    var detachStatus = DetachStatus.ok
    var silentFrom: LiveRequest?
    /// All requests, with the time they came.
    var log: [(request: LiveRequest, at: UInt64)] = []

    init(minor: UInt32 = 15) {
        server = LiveServer(minor: minor)
    }

    /// The byte of a stream's file at `offset`.
    static func fileByte(_ stream: LiveStreamID, _ offset: UInt64) -> UInt8 {
        UInt8(truncatingIfNeeded: (offset ^ (offset >> 8) ^ stream.rawValue) &* 167)
    }

    mutating func received(_ bytes: [UInt8], now: UInt64) throws {
        var requests: [LiveRequest] = []
        var failure: LiveServerError?
        bytes.withUnsafeBytes { bytes in
            do throws(LiveServerError) {
                try server.received(bytes, requests: &requests)
            } catch {
                failure = error
            }
        }
        for request in requests {
            log.append((request, now))
            if request == silentFrom { return }
            answer(request, now: now)
        }
        if let failure { throw failure }
    }

    private mutating func answer(_ request: LiveRequest, now: UInt64) {
        switch request {
        case .connect:
            if let rawConnect { server.reply(raw: rawConnect) } else { server.replyToConnect(viewerSession: 7) }
        case .createViewerSession: server.replyToCreateViewerSession(viewerSessionStatus)
        case .listSessions:
            if let rawList { server.reply(raw: rawList) } else { server.replyToList(sessions) }
        case .attach(let session, _):
            if let rawAttach { return server.reply(raw: rawAttach) }
            server.replyToAttach(attachStatus, streams: attachStatus == .ok ? streams[session] ?? [] : [])
        case .detach: server.replyToDetach(detachStatus)
        case .newStreams(let session): answerNewStreams(session)
        case .nextIndex(let stream): answerIndex(stream, now: now)
        case .packet(let stream, let offset, let length): answerPacket(stream, offset, length)
        case .metadata(let stream):
            guard var queue = metadata[stream], !queue.isEmpty else { return server.replyToMetadata(.noNew) }
            let (status, bytes) = queue.removeFirst()
            metadata[stream] = queue
            bytes.withUnsafeBytes { server.replyToMetadata(status, bytes: $0) }
        }
    }

    private mutating func answerNewStreams(_ session: LiveSessionID) {
        guard var queue = newStreams[session], !queue.isEmpty else { return server.replyToNewStreams(.ok) }
        let answer = queue.removeFirst()
        newStreams[session] = queue
        switch answer {
        case .ok(let streams): server.replyToNewStreams(.ok, streams: streams)
        case .status(let status): server.replyToNewStreams(status)
        case .raw(let bytes): server.reply(raw: bytes)
        }
    }

    private mutating func answerIndex(_ stream: LiveStreamID, now: UInt64) {
        var answer = quietIndex[stream]?(now) ?? .status(.retry)
        if var queue = indexes[stream], !queue.isEmpty {
            answer = queue.removeFirst()
            indexes[stream] = queue
        }
        switch answer {
        case .packet(let index, let flags): server.replyToNextIndex(index, flags: flags)
        case .beacon(let cycles, let flags): server.replyToNextIndex(beacon: cycles, streamClassID: 0, flags: flags)
        case .status(let status, let flags): server.replyToNextIndex(status, flags: flags)
        case .raw(let bytes): server.reply(raw: bytes)
        }
    }

    private mutating func answerPacket(_ stream: LiveStreamID, _ offset: UInt64, _ length: UInt32) {
        var answer = PacketAnswer.bytes
        if var queue = packets[stream], !queue.isEmpty {
            answer = queue.removeFirst()
            packets[stream] = queue
        }
        switch answer {
        case .bytes:
            let bytes = (0..<UInt64(length)).map { Self.fileByte(stream, offset + $0) }
            bytes.withUnsafeBytes { server.replyToPacket(.ok, bytes: $0) }
        case .status(let status, let flags): server.replyToPacket(status, flags: flags)
        case .raw(let bytes): server.reply(raw: bytes)
        }
    }
}

extension PacketIndex {
    /// A packet of `bytes` without padding.
    static func test(
        offset: UInt64 = 0,
        bytes: UInt64 = 100,
        begin: UInt64 = 10,
        end: UInt64 = 20
    ) -> PacketIndex {
        PacketIndex(
            offset: offset,
            packetBits: bytes * 8,
            contentBits: bytes * 8,
            timestampBegin: begin,
            timestampEnd: end
        )
    }
}

extension ListedSession {
    static func test(_ id: UInt64, timerUs: UInt32 = 1_000_000) -> ListedSession {
        ListedSession(id: LiveSessionID(id), liveTimerUs: timerUs, hostname: "host-\(id)", name: "session-\(id)")
    }
}

extension LiveStream {
    static func data(_ id: UInt64, trace: UInt64 = 1) -> LiveStream {
        LiveStream(
            id: LiveStreamID(id),
            trace: LiveTraceID(trace),
            isMetadata: false,
            path: "ust/uid/0/64-bit",
            channel: "channel0_\(id)"
        )
    }

    static func metadata(_ id: UInt64, trace: UInt64 = 1) -> LiveStream {
        LiveStream(
            id: LiveStreamID(id),
            trace: LiveTraceID(trace),
            isMetadata: true,
            path: "ust/uid/0/64-bit",
            channel: "metadata"
        )
    }
}
