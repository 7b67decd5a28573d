/// What a viewer asks. Numbers are as received; the server's caller judges them.
package enum LiveRequest: Sendable, Equatable, BitwiseCopyable {
    /// `connectionType`: 1 for commands.
    case connect(major: UInt32, minor: UInt32, connectionType: UInt32)
    case listSessions
    case createViewerSession
    /// `seek`: a `SeekPosition`, if the viewer is right.
    case attach(LiveSessionID, seek: UInt32)
    case detach(LiveSessionID)
    case newStreams(LiveSessionID)
    case nextIndex(LiveStreamID)
    /// `offset` and `length` in bytes of the stream's file.
    case packet(LiveStreamID, offset: UInt64, length: UInt32)
    case metadata(LiveStreamID)

    /// - Parameter bytes: the payload, exactly as long as the command implies.
    init(_ command: LiveCommand, payload bytes: UnsafeRawBufferPointer) {
        switch command {
        case .connect:
            self = .connect(
                major: bytes.load(UInt32.self, at: 8),
                minor: bytes.load(UInt32.self, at: 12),
                connectionType: bytes.load(UInt32.self, at: 16)
            )
        case .listSessions: self = .listSessions
        case .createViewerSession: self = .createViewerSession
        case .attachSession:
            self = .attach(
                LiveSessionID(bytes.load(UInt64.self, at: 0)),
                seek: bytes.load(UInt32.self, at: 16)
            )
        case .detachSession: self = .detach(LiveSessionID(bytes.load(UInt64.self, at: 0)))
        case .newStreams: self = .newStreams(LiveSessionID(bytes.load(UInt64.self, at: 0)))
        case .nextIndex: self = .nextIndex(LiveStreamID(bytes.load(UInt64.self, at: 0)))
        case .packet:
            self = .packet(
                LiveStreamID(bytes.load(UInt64.self, at: 0)),
                offset: bytes.load(UInt64.self, at: 8),
                length: bytes.load(UInt32.self, at: 16)
            )
        case .metadata: self = .metadata(LiveStreamID(bytes.load(UInt64.self, at: 0)))
        }
    }
}

/// Why a viewer's connection cannot go on.
package enum LiveServerError: Error, Sendable, Equatable, BitwiseCopyable {
    /// Not a command of the protocol; `replyToUnknownCommand` answers it before the connection is closed.
    case unknownCommand(UInt32)
    /// The first request must be CONNECT, and there is only one.
    case outOfOrder
    /// The viewer speaks another major version; relayd closes without a reply.
    case majorVersion(UInt32)
}
