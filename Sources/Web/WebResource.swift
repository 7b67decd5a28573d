package import Feed
package import HTTPTypes
package import HummingbirdCore
package import NIOCore

/// Whom a resource is for.
package enum WebAudience: Sendable {
    /// Whoever may connect, without a token: it holds nothing of the feed.
    case everybody
    /// Whoever may see something of the feed.
    case viewers
    /// Those who may see everything: it tells of everything there is.
    case fullViewers
}

/// Something that is served under a path.
package protocol WebResource: Sendable {
    var audience: WebAudience { get }

    func answer(_ request: WebRequest) async -> WebAnswer
}

/// A request for a resource by someone who may ask. Either GET, or HEAD, whose answer's body is left out.
package struct WebRequest: Sendable {
    /// Path and query as they came.
    package let uri: URI
    package let headers: HTTPFields
    /// What the asker may see.
    package let scope: ViewScope
    /// Who it is, for limits: a name of its certificate, else its host's address.
    package let client: String
}

/// The answer to a request.
package struct WebAnswer: Sendable {
    package enum Body: Sendable {
        case whole(ByteBuffer)
        /// Written as the client takes it, for as long as that lasts. Throwing ends the connection, so that no client
        /// takes a part for the whole.
        case stream(@Sendable (inout WebStream) async throws -> Void)
    }

    package var status: HTTPResponse.Status
    /// Beside those that every answer has; the same names replace these.
    package var headers: HTTPFields
    package var body: Body

    package init(_ status: HTTPResponse.Status = .ok, contentType: String, body: Body) {
        self.status = status
        headers = [.contentType: contentType]
        self.body = body
    }

    package init(_ status: HTTPResponse.Status = .ok, contentType: String, bytes: some Sequence<UInt8>) {
        self.init(status, contentType: contentType, body: .whole(ByteBuffer(bytes: bytes)))
    }

    /// A line for people.
    package init(_ status: HTTPResponse.Status, _ text: String) {
        self.init(status, contentType: "text/plain; charset=utf-8", bytes: (text + "\n").utf8)
    }

    /// Nothing, but what is in headers.
    package init(_ status: HTTPResponse.Status) {
        self.status = status
        headers = [:]
        body = .whole(ByteBuffer())
    }
}

/// The body of an answer on its way to a client. Used by the one task that answers, which is what `@unchecked Sendable`
/// stands for: writers do not say so of themselves.
package struct WebStream: @unchecked Sendable {
    private var writer: any ResponseBodyWriter
    private let channel: any Channel
    private let patience: TimeAmount
    private let isAdmitted: @Sendable () async -> Bool

    /// What ends a stream that its client may not have any more.
    private struct NotAdmitted: Error {}

    /// - Parameters:
    ///   - patience: how long a client may take nothing.
    ///   - isAdmitted: whether it may still have what it was promised.
    init(
        _ writer: any ResponseBodyWriter,
        channel: any Channel,
        patience: TimeAmount,
        isAdmitted: @escaping @Sendable () async -> Bool
    ) {
        self.writer = writer
        self.channel = channel
        self.patience = patience
        self.isAdmitted = isAdmitted
    }

    /// Bytes that a client has to take within its patience.
    private static let pieceBytes = 64 << 10

    /// Suspends until the client has room.
    /// - Throws: as `check`, and when it takes nothing.
    package mutating func write(_ bytes: [UInt8]) async throws {
        try await check()
        var rest = bytes[...]
        while !rest.isEmpty {
            let overdue = channel.eventLoop.scheduleTask(in: patience) { [channel] in channel.close(promise: nil) }
            defer { overdue.cancel() }
            nonisolated(unsafe) var writer = writer
            try await writer.write(ByteBuffer(bytes: rest.prefix(Self.pieceBytes)))
            self.writer = writer
            rest = rest.dropFirst(Self.pieceBytes)
        }
    }

    /// For whoever works long without a word.
    /// - Throws: when the client is gone, or may not see it any more.
    package func check() async throws {
        try Task.checkCancellation()
        guard channel.isActive, await isAdmitted() else { throw NotAdmitted() }
    }
}
