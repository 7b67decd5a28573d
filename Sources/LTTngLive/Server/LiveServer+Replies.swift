extension LiveServer {
    /// Answers CONNECT with our own version.
    package mutating func replyToConnect(viewerSession: UInt64, major: UInt32 = LiveVersion.major) {
        output.append(viewerSession)
        output.append(major)
        output.append(announcedMinor)
        output.append(UInt32(0))
    }

    package mutating func replyToCreateViewerSession(_ status: ViewerSessionStatus) {
        output.append(status.rawValue)
    }

    /// Answers LIST. Viewers below minor 15 do not see sessions in CTF 2. Names are cut to what their fields hold.
    package mutating func replyToList(_ sessions: [ListedSession]) {
        let isLong = minor ?? 0 >= LiveVersion.longListMinor
        let visible = isLong ? sessions : sessions.filter { $0.format == .ctf1 }
        output.append(UInt32(clamping: visible.count))
        for session in visible {
            output.append(session.id.rawValue)
            output.append(session.liveTimerUs)
            output.append(session.clientCount)
            output.append(session.streamCount)
            if isLong {
                let hostname = Array(session.hostname.utf8.prefix(WireSize.hostnameField))
                let name = Array(session.name.utf8.prefix(WireSize.sessionNameField))
                output.append(UInt32(hostname.count))
                output.append(UInt32(name.count))
                output.append(session.format.rawValue)
                hostname.withUnsafeBytes { output.append($0) }
                name.withUnsafeBytes { output.append($0) }
            } else {
                output.append(field: session.hostname, bytes: WireSize.hostnameField)
                output.append(field: session.name, bytes: WireSize.sessionNameField)
            }
        }
    }

    /// - Parameter streams: all that the session has; only with `.ok`.
    package mutating func replyToAttach(_ status: AttachStatus, streams: [LiveStream] = []) {
        output.append(status.rawValue)
        append(streams)
    }

    /// - Parameter streams: those not announced on this connection before; only with `.ok`.
    package mutating func replyToNewStreams(_ status: NewStreamsStatus, streams: [LiveStream] = []) {
        output.append(status.rawValue)
        append(streams)
    }

    package mutating func replyToDetach(_ status: DetachStatus) {
        output.append(status.rawValue)
    }

    /// Answers GET_NEXT_INDEX with a packet.
    package mutating func replyToNextIndex(_ index: PacketIndex, flags: ReplyFlags = []) {
        appendIndex(index, status: IndexStatus.ok.rawValue, flags: flags)
    }

    /// Answers GET_NEXT_INDEX with a beacon (INACTIVE): no event before `cycles` will come.
    package mutating func replyToNextIndex(
        beacon cycles: UInt64,
        streamClassID: UInt64 = 0,
        flags: ReplyFlags = []
    ) {
        var index = PacketIndex.none
        index.timestampEnd = cycles
        index.streamClassID = streamClassID
        appendIndex(index, status: IndexStatus.inactive.rawValue, flags: flags)
    }

    /// Answers GET_NEXT_INDEX with a status that carries nothing.
    package mutating func replyToNextIndex(_ status: IndexStatus, flags: ReplyFlags = []) {
        appendIndex(.none, status: status.rawValue, flags: flags)
    }

    /// Answers GET_PACKET: `bytes` only with `.ok`.
    package mutating func replyToPacket(
        _ status: PacketStatus,
        bytes: UnsafeRawBufferPointer = .init(start: nil, count: 0),
        flags: ReplyFlags = []
    ) {
        output.append(status.rawValue)
        output.append(UInt32(clamping: bytes.count))
        output.append(flags.rawValue)
        output.append(bytes)
    }

    /// Answers GET_METADATA: `bytes` only with `.ok`, everything that was not sent before.
    package mutating func replyToMetadata(
        _ status: MetadataStatus,
        bytes: UnsafeRawBufferPointer = .init(start: nil, count: 0)
    ) {
        output.append(UInt64(bytes.count))
        output.append(status.rawValue)
        output.append(bytes)
    }

    /// What relayd says to a command that it does not know, before it closes.
    package mutating func replyToUnknownCommand() {
        output.append(UInt32(11))
    }

    /// Puts any bytes in the place of a reply: for trying a viewer out.
    package mutating func reply(raw bytes: [UInt8]) {
        bytes.withUnsafeBytes { output.append($0) }
    }

    private mutating func append(_ streams: [LiveStream]) {
        output.append(UInt32(clamping: streams.count))
        for stream in streams {
            output.append(stream.id.rawValue)
            output.append(stream.trace.rawValue)
            output.append(UInt32(stream.isMetadata ? 1 : 0))
            output.append(field: stream.path, bytes: WireSize.pathField)
            output.append(field: stream.channel, bytes: WireSize.channelField)
        }
    }

    private mutating func appendIndex(_ index: PacketIndex, status: UInt32, flags: ReplyFlags) {
        output.append(index.offset)
        output.append(index.packetBits)
        output.append(index.contentBits)
        output.append(index.timestampBegin)
        output.append(index.timestampEnd)
        output.append(index.eventsDiscarded)
        output.append(index.streamClassID)
        output.append(status)
        output.append(flags.rawValue)
    }
}

extension PacketIndex {
    fileprivate static let none = PacketIndex(
        offset: 0,
        packetBits: 0,
        contentBits: 0,
        timestampBegin: 0,
        timestampEnd: 0
    )
}
