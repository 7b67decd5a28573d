import CTF
import LTTngLive
import SimulatedRelay

/// A viewer that reads a simulated relay in virtual time, and keeps what it read.
final class RelayReader {
    struct Packet: Equatable {
        var index: PacketIndex
        var bytes: [UInt8] = []
    }

    /// A relay that several readers can share.
    private final class RelayBox {
        var relay: SimulatedRelay

        init(_ relay: consuming SimulatedRelay) { self.relay = relay }
    }

    var viewer = Viewer()
    private let box: RelayBox
    private var connection: RelayConnectionID?
    var nowNs: UInt64
    /// Which of the live sessions it attaches to.
    var attaches: (ListedSession) -> Bool = { _ in true }
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
        box = RelayBox(relay)
        self.nowNs = nowNs
    }

    /// Another viewer of a reader's relay.
    init(beside other: RelayReader, attaches: @escaping (ListedSession) -> Bool = { _ in true }) {
        box = other.box
        nowNs = other.nowNs
        self.attaches = attaches
    }

    /// Connects anew: a new viewer, the relay as it stands.
    func connect() -> Bool {
        disconnect()
        viewer = Viewer()
        failure = nil
        timer = nil
        connection = box.relay.connected(nowNs: nowNs)
        guard connection != nil else { return false }
        viewer.connected(now: nowNs)
        return true
    }

    /// Goes away without a word.
    func disconnect() {
        if let connection { box.relay.disconnected(connection, nowNs: nowNs) }
        connection = nil
    }

    func run(untilNs end: UInt64) {
        while failure == nil, let connection {
            viewer.flush(now: nowNs)
            react(to: [])
            viewer.takeOutput { if !$0.isEmpty { box.relay.received($0, on: connection, nowNs: nowNs) } }
            if box.relay.hasOutput(connection) {
                nowNs += roundTripNs
                var input: [UInt8] = []
                box.relay.takeOutput(connection) { input = Array($0) }
                input.withUnsafeBytes { viewer.received($0, now: nowNs) }
                react(to: input)
                continue
            }
            if box.relay.isClosing(connection) {
                viewer.disconnected(now: nowNs)
                react(to: [])
                disconnect()
                return
            }
            let next = min(timer ?? .max, box.relay.nextWakeNs ?? .max)
            guard next < end else { break }
            nowNs = max(nowNs, next)
            box.relay.advance(to: nowNs)
            if let due = timer, due <= nowNs {
                timer = nil
                viewer.timerFired(now: nowNs)
            }
            react(to: [])
        }
        if failure == nil { nowNs = max(nowNs, end) }
    }

    /// Runs readers side by side, a hundredth of a second each in turn.
    static func run(_ readers: [RelayReader], untilNs end: UInt64) {
        var nowNs = readers.map(\.nowNs).min() ?? end
        while nowNs < end {
            nowNs = min(nowNs + 10_000_000, end)
            for reader in readers { reader.run(untilNs: nowNs) }
        }
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
                for session in viewer.sessions where session.liveTimerUs > 0 && attaches(session) {
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
