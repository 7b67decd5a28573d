import Coordinator
import Feed
import FeedLog
import NIOCore
import Observability
import ReExport

/// From how lane, hub and credentials stand to the families of `FeedMetrics`.
extension MetricScrape {
    /// - Parameter nowNs: our wall clock, nanoseconds since the Unix epoch.
    mutating func add(_ lane: LaneSnapshot, nowNs: Int64) {
        let coordinator = lane.coordinator
        if let watermarkNs = coordinator.watermarkNs {
            add(FeedMetrics.watermark, ns: watermarkNs)
            add(FeedMetrics.watermarkLag, ns: nanoseconds(from: watermarkNs, to: nowNs))
        }
        if let held = coordinator.holder, held.heldNs >= FeedMetrics.namedAfterNs {
            let stream = held.streamID.map { "\($0)" } ?? ""
            add(FeedMetrics.watermarkHeld, [held.relay, held.host, held.session, stream], ns: held.heldNs)
        }
        add(FeedMetrics.pendingEvents, [], coordinator.pendingEventCount)
        add(FeedMetrics.mergeHeld, [], coordinator.isHeld)
        add(FeedMetrics.batches, [], lane.batches)
        for relay in coordinator.relays {
            add(relay, counts: lane.relays[relay.name] ?? FeedAccount.Counts(), coordinator, nowNs: nowNs)
        }
        addSessions(lane, nowNs: nowNs)
        addStreams(lane, nowNs: nowNs)
    }

    private mutating func add(
        _ relay: CoordinatorSnapshot.Relay,
        counts: FeedAccount.Counts,
        _ coordinator: CoordinatorSnapshot,
        nowNs: Int64
    ) {
        let labels = [relay.name]
        add(FeedMetrics.relayState, [relay.name, "\(relay.state)"], true)
        add(FeedMetrics.relayConnected, labels, relay.isConnected)
        if let boundNs = relay.boundNs { add(FeedMetrics.relayLag, labels, ns: nanoseconds(from: boundNs, to: nowNs)) }
        add(FeedMetrics.relayHolds, labels, coordinator.holder?.relay == relay.name)
        add(FeedMetrics.relaySessions, labels, relay.sessionCount)
        add(FeedMetrics.relayStreams, labels, relay.streamCount)
        add(FeedMetrics.relayConnections, labels, relay.activity.connections)
        add(FeedMetrics.relayReconnects, labels, relay.activity.reconnects)
        add(FeedMetrics.relayPolls, labels, relay.activity.polls)
        add(FeedMetrics.relayReceived, labels, relay.activity.receivedBytes)
        add(FeedMetrics.relayQueue, labels, relay.pendingBytes)
        add(counts, FeedMetrics.relayCounts, labels)
    }

    private mutating func add(_ counts: FeedAccount.Counts, _ families: CountFamilies, _ labels: [String]) {
        add(families.events, labels, counts.events)
        add(families.bytes, labels, counts.bytes)
        add(families.late, labels, counts.lateEvents)
        add(families.lostEvents, labels, counts.lostEvents)
        add(families.lostPackets, labels, counts.lostPackets)
        add(families.unknownLosses, labels, counts.unknownLosses)
    }

    private mutating func addSessions(_ lane: LaneSnapshot, nowNs: Int64) {
        // In an order of their own, so that those that are left out are the same each time.
        for (name, session) in lane.sessions.sorted(by: { $0.key < $1.key }) where !name.session.isEmpty {
            let labels = [name.relay, name.host, name.session]
            if let state = session.state { add(FeedMetrics.sessionState, labels + ["\(state)"], true) }
            add(session.counts, FeedMetrics.sessionCounts, labels)
        }
        // The domains of one tracing session are one: what lags most of it is its lag.
        var sums: [FeedAccount.SessionName: (attached: Int, streams: Int, boundNs: Int64?)] = [:]
        for session in lane.coordinator.sessions {
            let name = FeedAccount.SessionName(relay: session.relay, host: session.host, session: session.name)
            var sum = sums[name] ?? (0, 0, session.boundNs)
            sum.attached += session.isAttached ? 1 : 0
            sum.streams += session.streamCount
            sum.boundNs = session.boundNs.flatMap { bound in sum.boundNs.map { min($0, bound) } }
            sums[name] = sum
        }
        for (name, sum) in sums.sorted(by: { $0.key < $1.key }) {
            let labels = [name.relay, name.host, name.session]
            add(FeedMetrics.sessionAttached, labels, sum.attached)
            add(FeedMetrics.sessionStreams, labels, sum.streams)
            if let boundNs = sum.boundNs {
                add(FeedMetrics.sessionLag, labels, ns: nanoseconds(from: boundNs, to: nowNs))
            }
        }
    }

    private mutating func addStreams(_ lane: LaneSnapshot, nowNs: Int64) {
        let bounds = lane.coordinator.streamBoundsNs
        for stream in lane.streams {
            let name = stream.session
            let labels = [name.relay, name.host, name.session, stream.channel, "\(stream.id)"]
            if let boundNs = bounds[stream.id] {
                add(FeedMetrics.streamLag, labels, ns: nanoseconds(from: boundNs, to: nowNs))
            }
            add(FeedMetrics.streamEvents, labels, stream.counts.events)
            add(FeedMetrics.streamBytes, labels, stream.counts.bytes)
            add(FeedMetrics.streamLate, labels, stream.counts.lateEvents)
        }
        let leftOut = lane.streamCount - lane.streams.count
        for family in [
            FeedMetrics.streamLag, FeedMetrics.streamEvents, FeedMetrics.streamBytes, FeedMetrics.streamLate,
        ] {
            leaveOut(family, leftOut)
        }
    }

    mutating func add(_ hub: HubSnapshot) {
        add(FeedMetrics.frames, [], hub.sequence)
        add(FeedMetrics.queueTime, [], .histogram(hub.queueTime))
        add(FeedMetrics.eventDelay, [], .histogram(hub.eventDelay))
        add(FeedMetrics.logBytes, [], hub.logBytes)
        if let segments = hub.segmentCount { add(FeedMetrics.logSegments, [], segments) }
        if let oldestNs = hub.oldestNs { add(FeedMetrics.logOldest, ns: oldestNs) }
        add(FeedMetrics.logFailing, [], hub.isFailing)
        add(FeedMetrics.logQueue, [], hub.waitingBatches)
        add(FeedMetrics.subscribers, [], hub.subscribers.count)
        add(FeedMetrics.waiting, [], hub.waitingConnections)
        add(FeedMetrics.connections, [], hub.connections)
        add(FeedMetrics.refused, [], hub.refused)
        add(FeedMetrics.sentBytes, [], hub.sentBytes)
        if let viewers = hub.viewers { add(viewers, newestSequence: hub.sequence) }
        for subscriber in hub.subscribers.sorted(by: { $0.number < $1.number }) {
            let labels = [subscriber.identity, subscriber.peer, "\(subscriber.number)"]
            // A subscriber never has a frame that the feed does not have yet.
            add(FeedMetrics.subscriberLag, labels, hub.sequence - min(subscriber.sequence, hub.sequence))
            add(FeedMetrics.subscriberLive, labels, subscriber.hasCaughtUp)
            add(FeedMetrics.subscriberQueue, labels, subscriber.queueBytes)
            add(FeedMetrics.subscriberSent, labels, subscriber.sentBytes)
        }
    }

    mutating func add(_ forwarders: [ForwarderSnapshot]) {
        for forwarder in forwarders {
            let labels = [forwarder.name, forwarder.kind]
            add(FeedMetrics.forwarderState, labels + [forwarder.state.rawValue], true)
            add(FeedMetrics.forwarderLag, labels, forwarder.lagFrames)
            add(FeedMetrics.forwarderEvents, labels, forwarder.events)
            add(FeedMetrics.forwarderRefused, labels, forwarder.refusedEvents)
            add(FeedMetrics.forwarderDamaged, labels, forwarder.damagedEvents)
            add(FeedMetrics.forwarderMissed, labels, forwarder.missedFrames)
            add(FeedMetrics.forwarderRetries, labels, forwarder.retries)
            add(FeedMetrics.forwarderSent, labels, forwarder.sentBytes)
            add(FeedMetrics.forwarderQueue, labels, forwarder.queueBytes)
        }
    }

    mutating func add(_ viewers: ViewersSnapshot, newestSequence: UInt64) {
        add(FeedMetrics.viewers, [], viewers.viewers.count)
        add(FeedMetrics.viewerConnections, [], viewers.connections)
        add(FeedMetrics.viewersRefused, [], viewers.refused)
        add(FeedMetrics.viewersSent, [], viewers.sentBytes)
        add(FeedMetrics.viewerPackets, [], viewers.totals.packets)
        add(FeedMetrics.viewerWithheld, [], viewers.totals.withheldPackets)
        add(FeedMetrics.viewerWithheldEvents, [], viewers.totals.withheldEvents)
        add(FeedMetrics.viewerGivenUp, [], viewers.totals.givenUpPackets)
        for viewer in viewers.viewers.sorted(by: { $0.number < $1.number }) where !viewer.sessions.isEmpty {
            let labels = [viewer.peer, "\(viewer.number)"]
            add(FeedMetrics.viewerLag, labels, newestSequence - min(viewer.sequence, newestSequence))
            add(FeedMetrics.viewerRequests, labels, viewer.waitingRequests)
            add(FeedMetrics.viewerKept, labels, viewer.keptBytes)
        }
    }

    mutating func add(_ expiries: [FeedCredentials.Expiry]) {
        for expiry in expiries {
            add(FeedMetrics.expiry, [expiry.what, expiry.file], .real(Double(expiry.secondsSinceEpoch)))
        }
    }

    mutating func add(_ usage: ProcessUsage) {
        add(FeedMetrics.cpu, [], .real(usage.cpuSeconds))
        add(FeedMetrics.resident, [], usage.residentBytes)
        add(FeedMetrics.virtual, [], usage.virtualBytes)
        if let count = usage.openFiles { add(FeedMetrics.openFiles, [], count) }
        if let most = usage.openFilesMax { add(FeedMetrics.openFilesMax, [], most) }
        if let started = usage.startedSeconds { add(FeedMetrics.started, [], .real(started)) }
    }
}
