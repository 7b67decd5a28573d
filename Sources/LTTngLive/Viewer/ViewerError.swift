/// Why a connection to a relayd cannot go on. The shell closes it; a new `Viewer` on a new connection resumes.
package struct ViewerError: Error, Sendable, Equatable, BitwiseCopyable {
    package enum Reason: Sendable, Equatable, BitwiseCopyable {
        /// The relayd speaks another major version, or is not a relayd.
        case majorVersion(UInt32)
        /// CREATE_SESSION was refused.
        case viewerSessionRefused
        /// A status code that the protocol does not know; statuses that this request cannot have count as well.
        case unknownStatus(UInt32)
        case unknownFlags(UInt32)
        case unknownTraceFormat(UInt32)
        /// A count, length or size beyond its limit.
        case exceeds(limit: UInt64, value: UInt64)
        /// A reply to GET_PACKET of another length than asked for.
        case packetLength(expected: UInt64, actual: UInt64)
        /// An index that cannot be: sizes not whole bytes, content over packet, begin after end, position overflows.
        case invalidIndex
        /// Streams listed with a status that has none.
        case streamsWithoutSuccess(UInt32)
        case missingTerminator
        case duplicateStream(UInt64)
        case duplicateMetadataStream(UInt64)
        case duplicateSession(UInt64)
        /// Bytes that no request asked for.
        case unsolicitedBytes
        /// No reply in time; the value is the wait in nanoseconds.
        case timeout(UInt64)
        /// The relay closed the connection.
        case disconnected
    }

    /// The request whose reply was wrong or missing.
    package enum Request: Sendable, Equatable, BitwiseCopyable {
        case none
        case connect
        case createViewerSession
        case listSessions
        case attach(LiveSessionID)
        case detach(LiveSessionID)
        case newStreams(LiveSessionID)
        case nextIndex(LiveStreamID)
        case packet(LiveStreamID)
        case metadata(LiveStreamID)
    }

    package var reason: Reason
    package var request: Request
    /// Bytes received on the connection before the place of the error.
    package var inputOffset: UInt64

    package init(_ reason: Reason, request: Request, inputOffset: UInt64) {
        self.reason = reason
        self.request = request
        self.inputOffset = inputOffset
    }
}
