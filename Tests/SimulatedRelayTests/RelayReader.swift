import CTF
import LTTngLive
import SimulatedRelay

/// A viewer that reads a simulated relay in virtual time, and keeps what it read.
final class RelayReader {
    struct Packet: Equatable {
        var index: PacketIndex
        var bytes: [UInt8] = []
    }

    var viewer = Viewer()
    var relay: SimulatedRelay
    var nowNs: UInt64
    var position = SeekPosition.beginning
    var roundTripNs: UInt64 = 200_000
    private(set) var packets: [LiveStreamID: [Packet]] = [:]
    private(set) var metadata: [LiveTraceID: [UInt8]] = [:]
    private(set) var metadataReplies = 0
    private(set) var beacons: [LiveStreamID: [UInt64]] = [:]
    private(set) var streams: [LiveStreamID: LiveStream] = [:]
    private(set) var actions: [ViewerAction] = []
    private(set) var failure: ViewerError?
    private var timer: UInt64?

    init(_ relay: consuming SimulatedRelay, nowNs: UInt64 = 0) {
        self.relay = relay
        self.nowNs = nowNs
    }

    /// Connects anew: a new viewer, the relay as it stands.
    func connect() -> Bool {
        viewer = Viewer()
        failure = nil
        timer = nil
        guard relay.connected(nowNs: nowNs) else { return false }
        viewer.connected(now: nowNs)
        return true
    }

    func run(untilNs end: UInt64) {
        while failure == nil {
            viewer.flush(now: nowNs)
            react(to: [])
            viewer.takeOutput { if !$0.isEmpty { relay.received($0, nowNs: nowNs) } }
            if relay.hasOutput {
                nowNs += roundTripNs
                var input: [UInt8] = []
                relay.takeOutput { input = Array($0) }
                input.withUnsafeBytes { viewer.received($0, now: nowNs) }
                react(to: input)
                continue
            }
            if relay.isClosing {
                viewer.disconnected(now: nowNs)
                react(to: [])
                relay.disconnected(nowNs: nowNs)
                return
            }
            let next = min(timer ?? .max, relay.nextWakeNs ?? .max)
            guard next < end else { break }
            nowNs = max(nowNs, next)
            relay.advance(to: nowNs)
            if let due = timer, due <= nowNs {
                timer = nil
                viewer.timerFired(now: nowNs)
            }
            react(to: [])
        }
        if failure == nil { nowNs = max(nowNs, end) }
    }

    private func react(to input: [UInt8]) {
        var batch: [ViewerAction] = []
        viewer.takeActions(into: &batch)
        for action in batch {
            switch action {
            case .send: continue
            case .schedule(let at):
                timer = at
                continue
            case .fail(let error): failure = error
            case .sessionsListed:
                for session in viewer.sessions where session.liveTimerUs > 0 {
                    viewer.attach(session.id, from: position)
                }
            case .streamAdded(_, let stream): streams[stream.id] = stream
            case .index(let stream, let index, _):
                packets[stream, default: []].append(Packet(index: index))
                viewer.fetch(stream)
            case .packetBytes(let stream, let offset, let range):
                let last = packets[stream, default: []].count - 1
                precondition(packets[stream, default: []][last].bytes.count == Int(offset))
                packets[stream, default: []][last].bytes += input[range]
            case .metadata(_, let trace, _, let range, let isLast):
                metadata[trace, default: []] += input[range]
                if isLast { metadataReplies += 1 }
            case .beacon(let stream, let cycles, _):
                if beacons[stream]?.last != cycles { beacons[stream, default: []].append(cycles) }
            default: break
            }
            actions.append(action)
        }
    }

    func contains(_ action: ViewerAction) -> Bool { actions.contains(action) }
}
