/// The protocol's commands (`enum lttng_viewer_command`), and how long what follows their 16-byte header is.
///
/// Every integer is big-endian, structures are packed. A request is `u64 payload bytes, u32 command, u32 version (0)`
/// and a payload of fixed size; relayd reads what the command implies, so a wrong length would desynchronise the
/// connection.
enum LiveCommand: UInt32 {
    case connect = 1
    case listSessions = 2
    case attachSession = 3
    case nextIndex = 4
    case packet = 5
    case metadata = 6
    case newStreams = 7
    case createViewerSession = 8
    case detachSession = 9

    /// Bytes that follow the header of a request.
    var payloadBytes: Int {
        switch self {
        case .connect, .attachSession, .packet: 20
        case .nextIndex, .metadata, .newStreams, .detachSession: 8
        case .listSessions, .createViewerSession: 0
        }
    }
}

/// Sizes of the fixed parts of the messages, in bytes.
enum WireSize {
    static let requestHeader = 16
    static let connectReply = 20
    static let viewerSessionReply = 4
    static let listReply = 4
    /// An entry of LIST below minor 15: 20 bytes of numbers and two NUL-terminated fields.
    static let listEntry = 20 + hostnameField + sessionNameField
    /// The numbers of an entry of LIST from minor 15 on; two strings without NUL follow.
    static let listEntryHead = 32
    static let hostnameField = 64
    static let sessionNameField = 255
    static let streamsReply = 8
    static let stream = 20 + pathField + channelField
    static let pathField = 4096
    static let channelField = 255
    static let indexReply = 64
    static let packetReply = 12
    static let metadataReply = 12
    static let detachReply = 4
    /// The longest part that is put together from pieces.
    static let partMax = stream
}

/// The version spoken here and the first minors that brought something.
package enum LiveVersion {
    package static let major: UInt32 = 2
    /// Our own minor: both LIST layouts, CTF 2 sessions.
    package static let minor: UInt32 = 15
    /// From here on LIST entries carry lengths and the trace format.
    package static let longListMinor: UInt32 = 15
    /// From here on a packet is served whether metadata was read or not.
    package static let plainPacketMinor: UInt32 = 7
    /// From here on relayd knows DETACH.
    package static let detachMinor: UInt32 = 8
    /// From here on relayd keeps what a viewer has not read of a stream when the stream is closed.
    package static let keepsClosedMinor: UInt32 = 14
}

package enum ViewerSessionStatus: UInt32, Sendable {
    case ok = 1
    case failed = 2
}

package enum AttachStatus: UInt32, Sendable {
    case ok = 1
    case alreadyHeld = 2
    case unknownSession = 3
    case notLive = 4
    case seekRefused = 5
    case noViewerSession = 6
}

package enum IndexStatus: UInt32, Sendable {
    case ok = 1
    case retry = 2
    case hungUp = 3
    case failed = 4
    case inactive = 5
    case endOfFile = 6
}

package enum PacketStatus: UInt32, Sendable {
    case ok = 1
    case retry = 2
    case failed = 3
    case endOfFile = 4
}

package enum MetadataStatus: UInt32, Sendable {
    case ok = 1
    case noNew = 2
    case failed = 3
}

package enum NewStreamsStatus: UInt32, Sendable {
    case ok = 1
    case noNew = 2
    case failed = 3
    case hungUp = 4
}

package enum DetachStatus: UInt32, Sendable {
    case ok = 1
    case unknownSession = 2
    case failed = 3
}
