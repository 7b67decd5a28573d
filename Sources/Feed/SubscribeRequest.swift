/// Where a subscription begins.
package enum SubscriptionStart: Sendable, Equatable {
    /// The oldest frame that is kept.
    case earliest
    /// What leaves from now on.
    case latest
    /// Events of this time, nanoseconds since the Unix epoch; older ones may come before them.
    case time(ns: Int64)
    /// After the frame that the token is of.
    case token(ResumeToken)
}

/// In which form events are sent.
package enum FeedEncoding: UInt8, Sendable, CaseIterable {
    /// Untouched CTF.
    case raw = 0
    /// Typed values, for anyone with protobuf.
    case decoded
}

/// What becomes of a subscriber that has once had all that there was, and then takes less than what comes.
package enum OverflowPolicy: UInt8, Sendable, CaseIterable {
    /// It gets everything, later, as far as the log still has it.
    case wait = 0
    /// It goes on with what leaves now, after a gap.
    case skip
    /// Its connection is closed.
    case disconnect
}

/// What a subscriber asks for.
package struct SubscribeRequest: Sendable, Equatable {
    package var start: SubscriptionStart
    package var encoding: FeedEncoding
    /// A `FilterExpression`; empty for all events.
    package var filter: String
    /// What the subscriber calls itself, for logs.
    package var clientName: String
    /// The name under which the coordinator keeps how far the subscriber has come; empty for none.
    package var cursor: String
    package var overflow: OverflowPolicy

    package init(
        start: SubscriptionStart = .latest,
        encoding: FeedEncoding = .raw,
        filter: String = "",
        clientName: String = "",
        cursor: String = "",
        overflow: OverflowPolicy = .wait
    ) {
        self.start = start
        self.encoding = encoding
        self.filter = filter
        self.clientName = clientName
        self.cursor = cursor
        self.overflow = overflow
    }

    /// Bytes of a cursor's name.
    package static let cursorBytesMax = 128

    /// The version of the subscription protocol that this code speaks.
    package static let protocolVersion: UInt32 = 1
}

/// The coordinator's yes.
package struct Welcome: Sendable, Equatable {
    package var feed: FeedIdentity
    /// The first frame that comes after the checkpoint.
    package var startSequence: UInt64
    /// The coordinator's name and version, for logs.
    package var serverName: String
    /// Whether allow rules hide a part of the feed.
    package var isRestricted: Bool
    /// The last frame that this epoch of the feed has in common with the one before.
    package var commonSequence: UInt64

    package init(
        feed: FeedIdentity,
        startSequence: UInt64,
        serverName: String = "",
        isRestricted: Bool = false,
        commonSequence: UInt64 = 0
    ) {
        self.commonSequence = commonSequence
        self.feed = feed
        self.startSequence = startSequence
        self.serverName = serverName
        self.isRestricted = isRestricted
    }
}

/// The coordinator's no.
package struct Refusal: Error, Sendable, Equatable {
    package enum Code: UInt8, Sendable, CaseIterable {
        case unspecified = 0
        /// The request cannot be understood.
        case malformed
        case version
        /// No allow rule names the subscriber.
        case forbidden
        /// The token is of another feed.
        case foreignFeed
        /// The coordinator cannot do that (an encoding).
        case unsupported
        /// Too many subscribers.
        case busy
        /// The coordinator is about to stop.
        case stopping
        /// The filter cannot be understood; the text names the column.
        case filter
    }

    package var code: Code
    /// For people.
    package var text: String

    package init(_ code: Code, _ text: String) {
        self.code = code
        self.text = text
    }
}
