import CTF
import Feed
import FeedLog

/// One coordinator's feed: its frames are encoded, logged, and read from their bytes again by the checkers.
final class FeedRun {
    let identity: FeedIdentity
    let startedNs: UInt64
    private let plan: WorldPlan
    private var encoder: FrameEncoder
    var log: MemoryLog
    /// Reads everything, as a subscriber does.
    private var reader: RawReader?
    /// Events of each frame, by its number less 1.
    private(set) var eventNumbers: [[UInt64]] = []
    private var saboteur: Saboteur

    private(set) var account: FeedAccount
    private var order = OrderChecker()
    private(set) var watermark: WatermarkChecker
    private var once = OnceChecker()
    /// The first W that it said.
    private(set) var startWatermarkNs: Int64?

    init(_ identity: FeedIdentity, plan: WorldPlan, startedNs: UInt64, sabotage: Sabotage?) {
        self.identity = identity
        self.plan = plan
        self.startedNs = startedNs
        encoder = FrameEncoder(feed: identity)
        let checkpointBytes = max(plan.retainedBytes / 8, 1)
        log = MemoryLog(
            feed: identity,
            limits: MemoryLog.Limits(retainedBytes: plan.retainedBytes, checkpointBytes: checkpointBytes)
        )
        account = FeedAccount(plan)
        watermark = WatermarkChecker(plan)
        saboteur = Saboteur(sabotage)
        reader = try? RawReader.opened(identity, SubscriptionOpening(state: FeedState()))
    }

    /// - Returns: the frames as they were read.
    func publish(_ batch: FeedBatch, atNs: UInt64, _ verdict: inout Verdict) -> [SeenFrame] {
        var seen: [SeenFrame] = []
        do {
            for publication in try encoder.encode(saboteur.change(batch)) {
                try log.append(publication)
                verdict.hash(atNs)
                verdict.hash(publication.frame.storage.bytes)
                for received in try reader?.take(publication.frame) ?? [] {
                    let frame = SeenFrame(received.batch, publishedNs: atNs)
                    eventNumbers.append(frame.events.map(\.number))
                    seen.append(saboteur.change(frame, account))
                }
            }
        } catch {
            verdict.found(.completeness, atNs: atNs, "the feed cannot be read: \(error)")
        }
        for frame in seen { look(frame, atNs: atNs, &verdict) }
        return seen
    }

    /// Where the feed is, as a coordinator learns it that is started again: through a checkpoint's frames.
    func recovered(atNs: UInt64, _ verdict: inout Verdict) -> RestoredFeed? {
        do {
            let state = try log.open(.latest).state
            let checkpoint = try encoder.checkpoint(SubscriptionOpening(state: state), forLog: true)
            let folder = try FrameFolder(checkpoint: checkpoint, watermarkNs: state.watermarkNs)
            return RestoredFeed(folder.state)
        } catch {
            verdict.found(.completeness, atNs: atNs, "the log cannot be read: \(error)")
            return nil
        }
    }

    private func look(_ frame: SeenFrame, atNs: UInt64, _ verdict: inout Verdict) {
        watermark.look(momentNs: atNs, &verdict)
        for item in frame.items {
            switch item {
            case .event(let event):
                order.look(event, atNs: atNs, &verdict)
                watermark.look(event, atNs: atNs, &verdict)
                once.look(event, by: "the feed", atNs: atNs, &verdict)
                account.take(event, atNs: atNs, &verdict)
            case .record(let record):
                switch record {
                case .relay(let change): watermark.look(change)
                case .session(let change): watermark.look(change)
                default: break
                }
                account.take(record, atNs: atNs)
            }
        }
        watermark.look(watermarkNs: frame.watermarkNs, atNs: atNs, &verdict)
        startWatermarkNs = startWatermarkNs ?? frame.watermarkNs
    }

    /// The coordinator's connection for a session is gone, or was never had.
    func connectionIsGone(relay: Int, session: UInt64) {
        for truth in plan.sessions where truth.relay == relay && truth.id == session {
            watermark.connectionIsGone(of: SessionKey(truth))
        }
    }

    /// - Parameter isLast: whether its coordinator lived to the end.
    func end(_ plan: WorldPlan, isLast: Bool, atNs: UInt64, _ verdict: inout Verdict) {
        LossChecker(plan).ended(account, atNs: atNs, &verdict)
        guard isLast else { return }
        CompletenessChecker(plan).ended(account, startedNs: startedNs, atNs: atNs, &verdict)
    }
}

extension WorldPlan {
    /// Whether an event may come late though nothing is wrong with the coordinator: because a relay is excluded or was
    /// not there at the beginning, a session joins or is left behind by another clock, or metadata is waited for.
    var allowsLate: Bool {
        stallAfterNs != nil || !faults.isDisjoint(with: WorldPlan.causesOfLate)
    }

    private static let causesOfLate: Set<FaultKind> = [
        .crashes, .heldSessions, .lateMetadata, .partitions, .recreations, .restarts, .skew, .steps, .drift,
    ]
}
