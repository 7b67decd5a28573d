import Feed

/// A fault that is put in on purpose, to see that its checker finds it.
package enum Sabotage: String, CaseIterable, Sendable {
    /// Two events leave in the wrong order.
    case swapEvents
    /// An event never leaves.
    case dropEvent
    /// An event leaves twice.
    case repeatEvent
    /// W goes back.
    case lowerWatermark
    /// A late event says that it is less late than it is.
    case understateLate
    /// An event that is in order says that it is late.
    case callLate
    /// A loss says more than is missing.
    case claimLoss
    /// A loss is of a session that no relay has spoken of.
    case claimSession
    /// The coordinator keeps a stream that has ended.
    case leak
    /// W stands still.
    case stall
    /// A subscriber that resumes gets its last frame again.
    case repeatFrame
    /// A run depends on something else than its seed.
    case dependOnChance

    /// Who finds it.
    package var checker: CheckerName {
        switch self {
        case .swapEvents: .order
        case .dropEvent: .completeness
        case .repeatEvent, .repeatFrame: .once
        case .lowerWatermark, .understateLate, .callLate: .watermark
        case .claimLoss, .claimSession: .loss
        case .leak: .bounds
        case .stall: .liveness
        case .dependOnChance: .determinism
        }
    }
}

/// Stands between the coordinator and the feed, or between the feed and its checkers, and does its fault once.
struct Saboteur {
    private let sabotage: Sabotage?
    private var isDone = false
    private var frameCount = 0
    /// W after the frame before.
    private var lastWatermarkNs: Int64?

    init(_ sabotage: Sabotage?) {
        self.sabotage = sabotage
    }

    /// Changes what the coordinator publishes.
    mutating func change(_ batch: FeedBatch) -> FeedBatch {
        guard let sabotage, !isDone else { return batch }
        frameCount += 1
        var batch = batch
        switch sabotage {
        case .lowerWatermark:
            guard let watermarkNs = batch.watermarkNs, frameCount > 10 else { return batch }
            batch.watermarkNs = watermarkNs - 1_000_000_000
            isDone = true
        case .claimLoss:
            for case .events(let group) in batch.records {
                guard let packet = group.slices.first?.packet else { continue }
                let loss = LossRecord(
                    relay: packet.trace.relay,
                    host: packet.trace.host,
                    session: packet.trace.session,
                    sessionID: packet.trace.sessionID,
                    streamID: packet.stream.id,
                    unit: .packets,
                    count: 1000,
                    fromNs: nil,
                    toNs: nil,
                    reason: "it was not"
                )
                batch.records.append(.lost(loss))
                isDone = true
                break
            }
        case .claimSession:
            guard frameCount > 10 else { return batch }
            batch.records.append(.lost(Self.lossOfNobody))
            isDone = true
        case .swapEvents, .dropEvent, .repeatEvent, .understateLate, .callLate, .leak, .stall, .repeatFrame,
            .dependOnChance:
            break
        }
        return batch
    }

    private static var lossOfNobody: LossRecord {
        LossRecord(
            relay: "relay-0",
            host: "",
            session: "nowhere",
            sessionID: 1000,
            streamID: nil,
            unit: .events,
            count: nil,
            fromNs: nil,
            toNs: nil,
            reason: "it was not"
        )
    }

    /// Changes what the checkers see.
    mutating func change(_ frame: SeenFrame, _ account: FeedAccount) -> SeenFrame {
        guard let sabotage, !isDone else { return frame }
        defer { lastWatermarkNs = frame.watermarkNs ?? lastWatermarkNs }
        var frame = frame
        for index in frame.items.indices {
            guard case .event(var event) = frame.items[index], !isDone else { continue }
            switch sabotage {
            case .swapEvents:
                guard index + 1 < frame.items.count, case .event(let next) = frame.items[index + 1],
                    event.timestampNs < next.timestampNs, event.lateNs == 0, next.lateNs == 0
                else { continue }
                frame.items.swapAt(index, index + 1)
            case .dropEvent: frame.items.remove(at: index)
            case .repeatEvent: frame.items.insert(.event(event), at: index)
            case .understateLate:
                guard event.lateNs > 1 else { continue }
                event.lateNs = 1
                frame.items[index] = .event(event)
            case .callLate:
                guard let watermarkNs = frame.watermarkNs, lastWatermarkNs != nil, event.lateNs == 0,
                    event.timestampNs < watermarkNs
                else { continue }
                event.lateNs = watermarkNs - event.timestampNs
                frame.items[index] = .event(event)
            case .lowerWatermark, .claimLoss, .claimSession, .leak, .stall, .repeatFrame, .dependOnChance: return frame
            }
            isDone = true
            return frame
        }
        return frame
    }
}
