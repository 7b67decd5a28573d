import CFeedSchema
package import CTF

/// A batch as it left: numbered, and as a frame.
package struct Publication: Sendable {
    package let frame: EncodedFrame
    /// What the frame says.
    package let batch: FeedBatch
}

/// Turns batches into frames: encodes each once, for the log and all raw subscribers.
///
/// Confined to one thread at a time. One allocation a frame (its bytes), into which event bytes are copied once; all
/// else comes from an arena that is used again.
package struct FrameEncoder: ~Copyable, Sendable {
    package let feed: FeedIdentity
    /// The number of the next frame.
    package private(set) var nextSequence: UInt64
    private let limits: FeedLimits
    private var builder = RecordBuilder(arena: Arena())

    /// - Parameter nextSequence: 1 for a new feed, else the last logged frame's number + 1.
    package init(feed: FeedIdentity, nextSequence: UInt64 = 1, limits: FeedLimits = FeedLimits()) {
        self.feed = feed
        self.nextSequence = nextSequence
        self.limits = limits
    }

    /// Numbers and encodes a batch, in more than one frame if it is too large for one; only the last of these carries
    /// the watermark. A single event that does not fit a frame is replaced by a `lost` record.
    /// - Throws: `recordTooLarge` when another record does not fit; `unreadableEvent` when a slice that has to be cut
    ///   cannot be. Nothing is numbered then.
    package mutating func encode(_ batch: FeedBatch) throws(FeedError) -> [Publication] {
        guard FrameEncoder.estimatedBytes(batch) > limits.splitBytes else {
            let publication = try publication(batch, sequence: nextSequence)
            nextSequence += 1
            return [publication]
        }
        let parts = try BatchSplitter(limits: limits).split(batch)
        var publications: [Publication] = []
        publications.reserveCapacity(parts.count)
        for part in parts {
            publications.append(try publication(part, sequence: nextSequence + UInt64(publications.count)))
        }
        nextSequence += UInt64(publications.count)
        return publications
    }

    private mutating func publication(_ batch: FeedBatch, sequence: UInt64) throws(FeedError) -> Publication {
        var batch = batch
        batch.sequence = sequence
        return Publication(frame: try frame(batch), batch: batch)
    }

    /// One frame, numbered as the batch says.
    mutating func frame(_ batch: FeedBatch) throws(FeedError) -> EncodedFrame {
        builder.reset()
        var eventCount = 0
        for record in batch.records {
            builder.append(record)
            if case .events(let group) = record { eventCount += group.eventCount }
        }
        let message = builder.frame(
            kind: TIDEMARK__FEED__FRAME_KIND__FRAME_BATCH,
            sequence: batch.sequence,
            watermarkNs: batch.watermarkNs,
            floorNs: batch.watermarkNs == nil ? batch.floorNs : nil,
            token: batch.watermarkNs.map {
                ResumeToken(feed: feed, sequence: batch.sequence, watermarkNs: $0)
            }
        )
        let storage = try message.packed(limitBytes: limits.frameBytes)
        // Slices were only pointed at until here.
        withExtendedLifetime(batch) {}
        return EncodedFrame(
            storage: storage,
            sequence: batch.sequence,
            watermarkNs: batch.watermarkNs,
            eventCount: eventCount
        )
    }

    /// About how long the frame of `batch` will be, never less than it really is, in bytes.
    /// - Complexity: O(records + slices).
    package static func estimatedBytes(_ batch: FeedBatch) -> Int {
        batch.records.reduce(128) { $0 + estimatedBytes($1) }
    }

    static func estimatedBytes(_ record: FeedRecord) -> Int {
        // Numbers take at most ten bytes and a tag, messages six more.
        switch record {
        case .trace(let trace):
            96 + trace.relay.utf8.count + trace.host.utf8.count + trace.session.utf8.count + trace.path.utf8.count
        case .metadata(_, let bytes): 48 + bytes.count
        case .stream(let stream): 80 + stream.channel.utf8.count
        case .traceEnd: 32
        case .streamEnd: 48
        case .events(let group):
            group.slices.reduce(32 + 12 * group.order.count + 20 * group.late.count) { total, slice in
                let bytes = EventSlice.byteCount(firstBits: slice.firstBits, endBits: slice.endBits)
                return total + 72 + bytes + (slice.opensPacket ? 224 + slice.packet.preambleBytes.count : 0)
            }
        case .relay(let change): 48 + change.relay.utf8.count + change.reason.utf8.count
        case .session(let change):
            64 + change.relay.utf8.count + change.host.utf8.count + change.session.utf8.count
                + change.reason.utf8.count
        case .lost(let loss):
            128 + loss.relay.utf8.count + loss.host.utf8.count + loss.session.utf8.count + loss.reason.utf8.count
        case .holder(let holder): 72 + holder.relay.utf8.count + holder.host.utf8.count + holder.session.utf8.count
        case .clock(let report):
            160 + report.relay.utf8.count + report.host.utf8.count + report.clock.utf8.count
                + report.referenceRelay.utf8.count + report.referenceHost.utf8.count
        case .gap(let gap): 48 + gap.reason.utf8.count
        case .log(let log): 64 + log.reason.utf8.count
        case .source(let source): 80 + source.relay.utf8.count + source.token.utf8.count
        case .idle: 32
        case .end(let reason): 32 + reason.utf8.count
        }
    }
}

extension FrameEncoder {
    /// A frame that is no part of the feed: said to whoever is connected.
    /// - Parameter sequence: the newest frame's number.
    package mutating func notice(_ record: FeedRecord, sequence: UInt64) throws(FeedError) -> ByteStorage {
        builder.reset()
        builder.append(record)
        let message = builder.frame(
            kind: TIDEMARK__FEED__FRAME_KIND__FRAME_NOTICE,
            sequence: sequence,
            watermarkNs: nil,
            floorNs: nil,
            token: nil
        )
        return try message.packed(limitBytes: limits.frameBytes)
    }

    /// The frames of a checkpoint: all that lives in `opening`, in as many parts as it takes, at least one.
    /// - Parameter forLog: with all that a coordinator needs which is started again.
    package mutating func checkpoint(
        _ opening: SubscriptionOpening,
        forLog: Bool = false
    ) throws(FeedError) -> [EncodedFrame] {
        var parts = CheckpointParts(limitBytes: limits.splitBytes)
        if let gap = opening.gap { parts.append(.record(.gap(gap)), bytes: FrameEncoder.estimatedBytes(.gap(gap))) }
        let state = opening.state
        for record in state.declarations { parts.append(.record(record), bytes: FrameEncoder.estimatedBytes(record)) }
        for packet in state.packets.values.sorted(by: { $0.id < $1.id }) {
            parts.append(.packet(packet), bytes: 224 + packet.preamble.count)
        }
        if forLog { appendLogItems(of: state, to: &parts) }
        var frames: [EncodedFrame] = []
        for (index, part) in parts.all.enumerated() {
            frames.append(
                try checkpointPart(part, of: state, isFirst: index == 0, isLast: index == parts.all.count - 1)
            )
        }
        return frames
    }

    private func appendLogItems(of state: FeedState, to parts: inout CheckpointParts) {
        for (streamID, place) in state.places.sorted(by: { $0.key < $1.key }) {
            parts.append(.place(streamID, place), bytes: 256 + 64 * place.lost.count)
        }
        for (session, ended) in state.endedStreams.sorted(by: { $0.key < $1.key }) {
            let streams = ended.traces.sorted { $0.key < $1.key }
            for start in stride(from: 0, to: streams.count, by: 65_536) {
                let piece = Array(streams[start..<min(start + 65_536, streams.count)])
                let names = session.relay.utf8.count + session.host.utf8.count + session.session.utf8.count
                parts.append(.endedStreams(session, piece), bytes: 64 + names + 26 * piece.count)
            }
        }
        parts.append(.numbers(state.numbers), bytes: 48)
    }

    private mutating func checkpointPart(
        _ part: [CheckpointParts.Item],
        of state: FeedState,
        isFirst: Bool,
        isLast: Bool
    ) throws(FeedError) -> EncodedFrame {
        builder.reset()
        for item in part {
            switch item {
            case .record(let record): builder.append(record)
            case .packet(let packet): builder.append(packet)
            case .place(let streamID, let place): builder.append(place, streamID: streamID)
            case .endedStreams(let session, let streams): builder.append(streams, of: session)
            case .numbers(let numbers): builder.append(numbers)
            }
        }
        let watermarkNs = isLast && state.isResumePoint ? state.watermarkNs : nil
        let message = builder.frame(
            kind: isFirst
                ? TIDEMARK__FEED__FRAME_KIND__FRAME_CHECKPOINT : TIDEMARK__FEED__FRAME_KIND__FRAME_CHECKPOINT_PART,
            sequence: state.sequence,
            watermarkNs: watermarkNs,
            floorNs: isLast ? state.floorNs : nil,
            token: watermarkNs.map {
                ResumeToken(feed: feed, sequence: state.sequence, watermarkNs: $0)
            }
        )
        return EncodedFrame(
            storage: try message.packed(limitBytes: limits.frameBytes),
            sequence: state.sequence,
            watermarkNs: watermarkNs,
            eventCount: 0
        )
    }
}

/// What a checkpoint says, cut into frames.
private struct CheckpointParts {
    enum Item {
        case record(FeedRecord)
        case packet(FeedState.OpenPacket)
        case place(UInt64, StreamPlace)
        case endedStreams(FeedState.SessionKey, [(key: UInt64, value: TraceUUID)])
        case numbers(FeedNumbers)
    }

    private(set) var all: [[Item]] = [[]]
    private var bytes = 0
    private let limitBytes: Int

    init(limitBytes: Int) {
        self.limitBytes = limitBytes
    }

    mutating func append(_ item: Item, bytes itemBytes: Int) {
        if bytes > 0, bytes + itemBytes > limitBytes {
            all.append([])
            bytes = 0
        }
        bytes += itemBytes
        all[all.count - 1].append(item)
    }
}

extension FeedState {
    /// States, traces with their metadata, and streams, in an order that does not change from run to run.
    fileprivate var declarations: [FeedRecord] {
        var records: [FeedRecord] = relays.values.sorted { $0.relay < $1.relay }.map { .relay($0) }
        records += sessions.sorted { $0.key < $1.key }.map { .session($0.value) }
        records += clocks.sorted { $0.key < $1.key }.map { .clock($0.value) }
        records += sources.sorted { $0.key < $1.key }.map { .source($0.value) }
        if isIdle { records.append(.idle(true)) }
        for live in traces.values.sorted(by: { $0.trace.id < $1.trace.id }) {
            records.append(.trace(live.trace))
            records += live.metadata.map { .metadata(traceID: live.trace.id, bytes: $0) }
        }
        records += streams.values.sorted { $0.id < $1.id }.map { .stream($0) }
        return records
    }
}
