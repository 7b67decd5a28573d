package import ConfigurationFile
package import Feed
package import Logging
package import NIOCore

/// A window of a feed that is received from elsewhere, shown to LTTng live viewers here.
///
/// The network between has TLS and identities, which their protocol has not. What is received is kept in memory, the
/// newest of it, from where each viewer reads at its own pace. Used from one thread.
package final class FeedMirror: @unchecked Sendable {
    private let hub: FeedHub
    private let viewers: ViewerListener
    /// What the window has declared, and what of it a checkpoint that is being received has not named yet.
    private var traces: [UInt64: Int] = [:]
    private var sessions: [SessionName: SessionStateChange] = [:]
    /// By stream: its trace, and the packet that it is in.
    private var streams: [UInt64: (trace: UInt64, packet: UInt64?)] = [:]
    private var unnamed: (traces: Set<UInt64>, sessions: Set<SessionName>)?
    /// By trace: what the checkpoint has said of its metadata, bytes.
    private var repeated: [UInt64: Int] = [:]

    private struct SessionName: Hashable {
        var relay: String
        var host: String
        var session: String
        var id: UInt64
    }

    /// Where viewers connect to.
    package let port: Int

    /// - Parameters:
    ///   - endpoint: of loopback.
    ///   - retainedBytes: of the window.
    ///   - viewerLoop: where viewers are answered.
    /// - Throws: `ListenError`.
    package init(
        on endpoint: NetworkEndpoint,
        retainedBytes: Int = 64 << 20,
        loop: any EventLoop,
        viewerLoop: any EventLoop,
        logger: Logger
    ) async throws {
        hub = FeedHub(
            loop: loop,
            feed: .random(),
            retainedBytes: retainedBytes,
            limits: SubscriberLimits(),
            logger: logger
        )
        viewers = try await ViewerListener.listen(
            on: endpoint,
            key: "--live-port",
            hub: hub,
            loop: viewerLoop,
            logger: logger
        )
        port = try await viewers.port()
    }

    /// Takes a frame in, and returns when viewers can have it: so no more is received than is kept.
    /// - Precondition: not on an event loop.
    package func take(_ frame: ReceivedFrame) {
        guard !frame.isNotice else { return }
        var records: [FeedRecord] = []
        if frame.isCheckpoint {
            if unnamed == nil { unnamed = (Set(traces.keys), Set(sessions.keys)) }
        } else {
            records += endUnnamed()
        }
        for record in frame.batch.records { take(record, isRepeated: frame.isCheckpoint, into: &records) }
        hub.publish(
            FeedBatch(records: records, watermarkNs: frame.batch.watermarkNs, floorNs: frame.batch.floorNs)
        )
        // It is in the log when what was given to the loop before is done.
        try? hub.loop.submit {}.wait()
    }

    /// Viewers take what is left.
    package func close() async {
        await viewers.close()
    }

    private func take(_ record: FeedRecord, isRepeated: Bool, into records: inout [FeedRecord]) {
        switch record {
        case .trace(let trace):
            unnamed?.traces.remove(trace.id)
            repeated[trace.id] = 0
            guard traces[trace.id] == nil else { return }
            traces[trace.id] = 0
            records.append(record)
        case .metadata(let id, let bytes):
            guard let known = traces[id] else { return }
            guard isRepeated else {
                traces[id] = known + bytes.count
                return records.append(record)
            }
            let said = repeated[id] ?? 0
            repeated[id] = said + bytes.count
            let news = bytes.dropFirst(max(known - said, 0))
            guard !news.isEmpty else { return }
            traces[id] = known + news.count
            records.append(.metadata(traceID: id, bytes: Array(news)))
        case .stream(let stream):
            guard streams[stream.id] == nil else { return }
            streams[stream.id] = (stream.traceID, nil)
            records.append(record)
        case .traceEnd(let id): records += end(trace: id)
        case .streamEnd(let end):
            if streams.removeValue(forKey: end.streamID) != nil { records.append(record) }
        case .session(let change):
            let name = SessionName(
                relay: change.relay,
                host: change.host,
                session: change.session,
                id: change.sessionID
            )
            unnamed?.sessions.remove(name)
            sessions[name] = change.state == .ended || change.state == .lost ? nil : change
            records.append(record)
        case .events(let group): records.append(.events(declaring(group)))
        case .end:
            // The coordinator may go on with its next start, and so does this.
            break
        case .relay, .lost, .holder, .clock, .gap, .log, .source, .idle: records.append(record)
        }
    }

    /// What a checkpoint did not name is no more.
    private func endUnnamed() -> [FeedRecord] {
        guard let gone = unnamed else { return [] }
        unnamed = nil
        repeated = [:]
        var records: [FeedRecord] = []
        for id in gone.traces.sorted() { records += end(trace: id) }
        for name in gone.sessions {
            guard var change = sessions.removeValue(forKey: name) else { continue }
            change.state = .ended
            change.reason = "it ended while there was no connection"
            records.append(.session(change))
        }
        return records
    }

    private func end(trace id: UInt64) -> [FeedRecord] {
        guard traces.removeValue(forKey: id) != nil else { return [] }
        streams = streams.filter { $0.value.trace != id }
        return [.traceEnd(traceID: id)]
    }

    /// A packet whose beginning is older than the window is declared where it is first met.
    private func declaring(_ group: EventGroup) -> EventGroup {
        var group = group
        for index in group.slices.indices {
            let packet = group.slices[index].packet
            group.slices[index].opensPacket = streams[packet.stream.id]?.packet != packet.id
            streams[packet.stream.id]?.packet = packet.id
        }
        return group
    }
}
