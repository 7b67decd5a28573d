package import ConfigurationFile
package import NIOCore

/// Gives forwarders their followers.
package struct FeedSource: Sendable {
    let hub: FeedHub

    package func follower(name: String) -> FeedFollower { FeedFollower(hub: hub, name: name) }
}

/// Those who send the feed on, as the daemon knows them.
package protocol FeedForwarding: AnyObject, Sendable {
    /// Looks at filters, and at the files of certificates.
    /// - Parameter file: the configuration file's name, for messages.
    /// - Throws: all that is wrong with them.
    func check(_ forward: [Configuration.Forwarder], file: String) throws(CredentialsError)
    /// The feed is there: forwarding begins.
    func begin(_ forward: [Configuration.Forwarder], _ source: FeedSource)
    /// Goes on with another configuration, which has been checked. Those that stay the same go on as they are, but that
    /// their next connections are made with the certificates as they are now.
    func replace(_ forward: [Configuration.Forwarder])
    /// How each stands.
    func snapshots(on loop: any EventLoop) -> EventLoopFuture<[ForwarderSnapshot]>
    /// The feed has ended: each sends on what is left, and ends. Returns when all have, and within their time.
    func finish() async
}

/// How a forwarder stands at one moment.
package struct ForwarderSnapshot: Sendable, Equatable {
    package enum State: String, Sendable, CaseIterable {
        /// It has not reached its collector yet.
        case connecting
        /// The collector takes what comes.
        case delivering
        /// The collector does not, and is tried again.
        case retrying
        /// The collector answers, and wants nothing of what comes: it waits, or is dropped and counted.
        case refused
        case ended
    }

    package var name: String
    /// Of its collector, as its key in the configuration.
    package var kind: String
    package var state = State.connecting
    /// Why the collector does not take what comes, bounded and printable; nil while it does.
    package var trouble: String?
    /// Frames that are not done with.
    package var lagFrames: UInt64 = 0
    /// Events that the collector took, those that were sent again only once; and that it refused for good.
    package var events: UInt64 = 0
    package var refusedEvents: UInt64 = 0
    /// Bytes that it was given, before TLS; what was sent again counts again.
    package var sentBytes: UInt64 = 0
    /// Attempts after the first.
    package var retries: UInt64 = 0
    /// Frames that the log had dropped before they were read.
    package var missedFrames: UInt64 = 0
    /// Events that could not be decoded.
    package var damagedEvents: UInt64 = 0
    /// What waits for the collector, bytes.
    package var queueBytes: Int = 0

    package init(name: String, kind: String) {
        self.name = name
        self.kind = kind
    }
}
