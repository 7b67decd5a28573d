import CTF
import Feed
import MetadataWriter
import PacketWriter

/// The subscriber's side: whatever a coordinator says, it is understood the same however it is split.
enum FrameLaws {
    private static let feed = FeedIdentity(id: FeedID(high: 3, low: 4))

    static func check(_ input: UnsafeRawBufferPointer) {
        guard let first = input.first else { return }
        let whole = words(input, pieceBytes: max(input.count - 1, 1))
        let split = words(input, pieceBytes: Int(first) + 1)
        law(whole.error == split.error, "a mistake is the same however the bytes are split")
        law(whole.events == split.events, "frames are the same however the bytes are split")
    }

    /// What asks for much is refused soon.
    static var smallLimits: FeedLimits {
        var limits = FeedLimits()
        limits.frameBytes = 1 << 16
        limits.unpackBytes = 1 << 20
        limits.fieldCount = 1 << 12
        return limits
    }

    private static func words(
        _ input: UnsafeRawBufferPointer,
        pieceBytes: Int
    ) -> (events: [String], error: String?) {
        guard var client = try? SubscriptionClient(request: SubscribeRequest(), limits: smallLimits) else {
            brokenLaw("a plain request can be made")
        }
        var words: [String] = []
        var at = 1
        while at < input.count {
            let piece = at..<min(at + pieceBytes, input.count)
            at = piece.upperBound
            do throws(FeedError) {
                for event in try input.withExactCopy(
                    of: piece,
                    { (bytes) throws(FeedError) in try client.received(bytes) }
                ) {
                    words.append(text(event))
                }
            } catch {
                // Of a piece that breaks the protocol nothing is handed out.
                return (pieceBytes < input.count - 1 ? [] : words, "\(error)")
            }
        }
        return (words, nil)
    }

    private static func text(_ event: SubscriptionClient.Event) -> String {
        switch event {
        case .welcomed(let welcome): "welcome \(welcome)"
        case .refused(let refusal): "refused \(refusal)"
        case .frame(let frame):
            "frame \(frame.batch.sequence) of \(frame.batch.records.count), \(frame.batch.watermarkNs ?? 0), "
                + (frame.token ?? "")
        }
    }

    // MARK: Seeds

    static var seeds: [FuzzSeed] {
        let refusals = Refusal.Code.allCases.map { code in
            FuzzSeed(name: "refused-\(code.rawValue)", bytes: [code.rawValue] + refusal(code))
        }
        let batches = controlBatches + [0, 1, 2, 3, 5, 8, 9, 12].compactMap { eventBatch(class: $0) }
        let frames = batches.enumerated().map { number, records in
            FuzzSeed(name: "frames-\(number)", bytes: [UInt8(number * 11)] + welcome + encoded(records))
        }
        return (refusals + frames).filter { $0.bytes.count <= 4096 }
    }

    /// All that a feed says of a session from its beginning to its end, with its events.
    static var life: [UInt8] {
        let begun: [FeedRecord] = [
            .relay(RelayStateChange(relay: "relay", state: .active, reason: "", frontierNs: 7)), session(.active),
        ]
        let ended: [FeedRecord] = [
            .streamEnd(StreamEndRecord(streamID: 2, traceID: 1, traceUUID: nil)), .traceEnd(traceID: 1),
            session(.ended), .relay(RelayStateChange(relay: "relay", state: .ended, reason: "gone", frontierNs: 7)),
            .idle(true),
        ]
        return welcome + encoded(begun, eventBatch(class: 0) ?? [], [loss], ended, begun)
    }

    private static func refusal(_ code: Refusal.Code) -> [UInt8] {
        var subscription = subscription()
        return subscription.refuse(Refusal(code, "because \(code)")).array
    }

    private static func subscription() -> Subscription {
        Subscription(
            peer: PeerIdentity(alternativeNames: ["a"], commonName: nil),
            rules: [AllowRule(identity: "a")],
            feed: feed,
            serverName: "server"
        )
    }

    /// The answer to a request, and the first checkpoint.
    private static var welcome: [UInt8] {
        var subscription = subscription()
        guard let client = try? SubscriptionClient(request: SubscribeRequest()) else { return [] }
        client.greeting.array.withUnsafeBytes { _ = subscription.received($0) }
        let opened = try? subscription.opened(SubscriptionOpening(state: FeedState()))
        return (opened ?? []).flatMap(\.array)
    }

    private static func encoded(_ records: [FeedRecord]...) -> [UInt8] {
        var encoder = FrameEncoder(feed: feed)
        let batches =
            records.map { FeedBatch(records: $0, watermarkNs: 5) }
            + [FeedBatch(watermarkNs: 1_700_000_000_000_000_000)]
        return batches.flatMap { batch in
            ((try? encoder.encode(batch)) ?? []).flatMap(\.frame.storage.array)
        }
    }

    private static let trace = FeedTrace(
        id: 1,
        relay: "relay",
        host: "host",
        session: "session",
        sessionID: 9,
        path: "ust/uid/0/64-bit"
    )
    private static let stream = FeedStream(id: 2, traceID: 1, liveStreamID: 3, channel: "channel0")

    private static func session(_ state: SessionState) -> FeedRecord {
        .session(
            SessionStateChange(
                relay: "relay",
                host: "host",
                session: "session",
                sessionID: 9,
                state: state,
                reason: "said"
            )
        )
    }

    private static var loss: FeedRecord {
        .lost(
            LossRecord(
                relay: "relay",
                host: "host",
                session: "session",
                sessionID: 9,
                streamID: 2,
                unit: .packets,
                count: 3,
                fromNs: -1,
                toNs: 1,
                reason: "lost"
            )
        )
    }

    private static var controlBatches: [[FeedRecord]] {
        let declared: [FeedRecord] = [
            .trace(trace), .metadata(traceID: 1, bytes: Array("/* CTF 1.8 */".utf8)), .stream(stream),
        ]
        return [
            [], [session(.active)], [session(.held), session(.lost)], [loss],
            [.relay(RelayStateChange(relay: "relay", state: .lagging, reason: "", frontierNs: 7))],
            [.gap(GapRecord(fromSequence: 1, toSequence: 9, reason: "gap"))], [.end(reason: "over")], declared,
            declared + [.traceEnd(traceID: 1)],
        ]
    }

    /// Events of a packet of one of `PacketClasses`.
    private static func eventBatch(class number: Int) -> [FeedRecord]? {
        let traceClass = PacketClasses.traceClasses[number]
        guard let text = TSDLWriter.text(traceClass) else { return nil }
        let program = PacketClasses.programs[number]
        let written = WrittenPacket(traceClass, stream: 0, eventCount: 2, seed: UInt64(number))
        let storage = ByteStorage(capacity: written.bytes.count)
        written.bytes.withUnsafeBytes { storage.write($0, at: 0) }
        guard let preamble = try? program.readPreamble(PacketBytes(storage.bytes)) else { return nil }
        let packet = FeedPacket(
            id: 4,
            trace: trace,
            stream: stream,
            program: program,
            metadataBytes: UInt64(text.utf8.count),
            preamble: preamble,
            preambleStorage: storage,
            correction: .none
        )
        let slice = EventSlice(
            packet: packet,
            storage: storage,
            storageOffset: 0,
            firstBits: preamble.firstEvent.positionBits,
            endBits: written.contentBits,
            clockCycles: preamble.firstEvent.clockCycles,
            eventCount: 2,
            opensPacket: true
        )
        let group = EventGroup(
            slices: [slice],
            order: [EventGroup.Run(slice: 0, count: 2)],
            late: [EventGroup.Late(index: 1, lateNs: 5)],
            eventCount: 2
        )
        return [
            .trace(trace), .metadata(traceID: 1, bytes: Array(text.utf8)), .stream(stream), .events(group),
        ]
    }
}
