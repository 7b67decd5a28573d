import Coordinator
import Feed
import NIOCore
import TLS

/// Other coordinators' feeds: their connections live on the lane's loop, as those of relays do.
extension CoordinatorLane {
    /// A subscription that was asked for, from the first attempt to connect on.
    struct Subscription {
        var connection: FeedConnection?
        var isReading = true
    }

    /// Files of certificates are read for each attempt, so that those that were replaced count.
    func subscribe(_ relay: Int, source: Int, start: SubscriptionStart) {
        let attempt = beginAttempt(relay)
        guard case .feed(let address, let credentials)? = addresses[source] else {
            preconditionFailure("a feed without an address")
        }
        subscriptions[relay] = Subscription()
        let tls: TLSContext
        do throws(TLSError) {
            tls = try credentials.context()
        } catch {
            let reason = error.plainText
            return loop.execute { self.ended(relay, attempt, .lost(reason)) }
        }
        let request = SubscribeRequest(start: start, clientName: "tidemark coordinator")
        Task { [loop] in
            let end = await FeedClient.run(address: address, tls: tls, request: request, group: loop) { event in
                self.took(event, relay, attempt)
            } channel: { connection in
                loop.execute { self.adopt(connection, relay, attempt) }
            }
            loop.execute { self.ended(relay, attempt, end.told) }
        }
    }

    func setReading(_ relay: Int, _ isReading: Bool) {
        subscriptions[relay]?.isReading = isReading
        subscriptions[relay]?.connection?.setReading(isReading)
    }

    private func adopt(_ connection: FeedConnection, _ relay: Int, _ attempt: UInt64) {
        guard isCurrent(relay, attempt), let subscription = subscriptions[relay] else { return connection.stop() }
        subscriptions[relay]?.connection = connection
        if !subscription.isReading { connection.setReading(false) }
    }

    private func took(_ event: FeedClientEvent, _ relay: Int, _ attempt: UInt64) {
        guard isCurrent(relay, attempt) else { return }
        tell { coordinator, now in
            switch event {
            case .welcomed(let welcome): coordinator.feedWelcomed(relay: relay, welcome, now: now)
            case .frame(let frame): coordinator.feedFrame(relay: relay, frame, now: now)
            }
        }
    }

    private func ended(_ relay: Int, _ attempt: UInt64, _ end: Coordinator.FeedEnd) {
        guard isCurrent(relay, attempt) else { return }
        forget(relay)
        tell { coordinator, now in coordinator.feedEnded(relay: relay, end, now: now) }
    }
}

extension FeedClientEnd {
    /// What the coordinator is told. Whoever is turned away asks again: what was wrong may be put right.
    fileprivate var told: Coordinator.FeedEnd {
        switch self {
        case .foreignFeed(let text): .foreignFeed(text)
        case .refused(let text): .refused(text)
        case .unreachable(let text), .cannotServe(let text), .wrongFilter(let text): .lost(text)
        case .broken(let text): .lost("it broke the protocol: \(text)")
        case .stopped: .lost("the connection was closed")
        }
    }
}
