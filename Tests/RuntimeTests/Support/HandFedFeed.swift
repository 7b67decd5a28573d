import ConfigurationFile
import Feed
import FeedLog
import Logging
import NIOCore
import NIOPosix
import TLS

@testable import Runtime

/// A feed with its log and its listener on loopback, into which the test puts batches by hand.
final class HandFedFeed: Sendable {
    let identities: TestIdentities
    let hub: FeedHub
    let access: FeedAccess
    let port: Int
    let log = Recorder<[String]>([])
    private let listener: any Channel

    /// - Parameters:
    ///   - allow: patterns of identities that see everything.
    ///   - address: where it listens.
    ///   - stored: a log on disk; nil for one in memory.
    ///   - disk: stands before its directory.
    ///   - loop: of the feed.
    ///   - change: of the limits.
    init(
        allow: [String] = ["tidemark:client/*"],
        retainedBytes: Int = 64 << 20,
        on address: String = "localhost",
        stored: Configuration.Log? = nil,
        disk: FullDisk? = nil,
        loop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next(),
        _ change: (inout SubscriberLimits) -> Void = { _ in }
    ) async throws {
        identities = try TestIdentities()
        var limits = SubscriberLimits()
        change(&limits)
        let log = log
        let logger = Logger(label: "test") { _ in LogBox(log) }
        if let stored {
            let feed = try StoredFeed.open(stored, logger: logger) { directory in
                disk?.put(before: directory) ?? directory
            }
            hub = FeedHub(loop: loop, stored: feed, limits: limits, logger: logger)
        } else {
            hub = FeedHub(
                loop: loop,
                feed: FeedIdentity(id: FeedID(high: 1, low: .random(in: 0 ... .max))),
                retainedBytes: retainedBytes,
                limits: limits,
                logger: logger
            )
        }
        var feed = identities.feed(allow: allow)
        feed.listen = NetworkEndpoint(host: address, port: 0)
        access = FeedAccess(try FeedAccess.Grant(feed, file: "test.yaml"))
        listener = try await FeedListener.listen(on: feed.listen, hub: hub, access: access)
        port = listener.localAddress?.port ?? 0
    }

    /// The server's certificate is for this name.
    var address: RelayAddress { RelayAddress(host: "localhost", port: port) }

    /// Frames of which each has one record that names its number; every third has a watermark, and so a token.
    func publish(_ numbers: ClosedRange<UInt64>, paddingBytes: Int = 0) {
        for number in numbers {
            let record = SessionStateChange(
                relay: "relay",
                host: "host",
                session: "session",
                sessionID: number,
                // A lost session does not stay in the feed's state.
                state: .lost,
                reason: String(repeating: "x", count: paddingBytes)
            )
            hub.publish(FeedBatch(records: [.session(record)], watermarkNs: number % 3 == 0 ? Int64(number) : nil))
        }
    }

    func publishEnd(_ reason: String) {
        hub.publish(FeedBatch(records: [.end(reason: reason)]))
    }

    /// Lets subscribers have the rest, and ends.
    func stop() async throws {
        try? await listener.close()
        try await hub.drain().get()
        await hub.close()
    }

    func subscribe(
        from start: SubscriptionStart = .earliest,
        as client: String = "client",
        cursor: String = "",
        overflow: OverflowPolicy = .wait,
        pausedAfterWelcome isPaused: Bool = false
    ) throws -> TestSubscriber {
        TestSubscriber(
            address: address,
            tls: try identities.clientContext(client),
            start: start,
            cursor: cursor,
            overflow: overflow,
            isPausedAfterWelcome: isPaused
        )
    }
}

extension TestIdentities {
    /// The `feed` section of a configuration.
    func feed(allow: [String]) -> Configuration.Feed {
        Configuration.Feed(
            listen: NetworkEndpoint(host: "localhost", port: 0),
            certificateFile: file("server.pem"),
            keyFile: file("server.key"),
            clientAuthorityFile: file("ca.pem"),
            allow: allow.map { Configuration.AllowRule(identity: Glob($0)) }
        )
    }
}

extension FeedBatch {
    /// The numbers that `HandFedFeed.publish` put into it.
    var numbers: [UInt64] {
        records.compactMap { record in
            if case .session(let change) = record { change.sessionID } else { nil }
        }
    }
}
