import LTTngLive

/// An action with its bytes in the place of their range; pieces of one payload are joined.
enum Observed: Equatable {
    case action(ViewerAction)
    case packet(LiveStreamID, offset: UInt64, bytes: [UInt8])
    case metadata(LiveTraceID, bytes: [UInt8], isLast: Bool)
}

/// A viewer and a relay back to back in memory, in virtual time.
///
/// The caller's part is played by a policy: attach live sessions, fetch or skip every packet.
final class Conversation {
    enum Policy { case fetch, skip, hold }

    var viewer: Viewer
    var relay: RelayDouble
    var now: UInt64 = 1_000_000_000
    var policy = Policy.fetch
    var attaches = true
    var position = SeekPosition.beginning
    /// From a request's writing to its reply's arrival.
    var roundTripNs: UInt64 = 100_000
    /// Sizes in which replies are delivered, cyclically; nil for all at once.
    var pieces: [Int]?
    var seen: [Observed] = []
    var timer: UInt64?
    var failure: ViewerError?
    var wakeups = 0
    private var buffer: [ViewerAction] = []

    init(_ relay: consuming RelayDouble, limits: LiveLimits = .init()) {
        self.relay = relay
        viewer = Viewer(limits: limits)
        viewer.connected(now: now)
    }

    /// Runs turns until the time is over or the connection failed.
    func run(forNs duration: UInt64) throws {
        let end = now + duration
        while failure == nil {
            endTurn()
            var request: [UInt8] = []
            viewer.takeOutput { request = Array($0) }
            if !request.isEmpty {
                try relay.received(request, now: now + roundTripNs / 2)
                var reply: [UInt8] = []
                relay.server.takeOutput { reply = Array($0) }
                if !reply.isEmpty {
                    now += roundTripNs
                    deliver(reply)
                    continue
                }
            }
            guard let next = timer, next < end else { break }
            now = max(now, next)
            timer = nil
            wakeups += 1
            viewer.timerFired(now: now)
            react(to: [])
        }
        if failure == nil { now = max(now, end) }
    }

    /// Hands bytes over in pieces; the turn stays open.
    func deliver(_ bytes: [UInt8]) {
        var start = 0
        var turn = 0
        while start < bytes.count {
            let size = pieces.map { $0[turn % $0.count] } ?? bytes.count
            let piece = Array(bytes[start..<min(bytes.count, start + size)])
            piece.withUnsafeBytes { viewer.received($0, now: now) }
            react(to: piece)
            start += size
            turn += 1
        }
    }

    func endTurn() {
        viewer.flush(now: now)
        react(to: [])
    }

    func react(to input: [UInt8]) {
        buffer.removeAll(keepingCapacity: true)
        viewer.takeActions(into: &buffer)
        viewer.checkInvariants()
        for action in buffer { observe(action, input) }
    }

    private func observe(_ action: ViewerAction, _ input: [UInt8]) {
        switch action {
        case .send: return
        case .schedule(let at):
            timer = at
            return
        case .fail(let error): failure = error
        case .packetBytes(let stream, let offset, let bytes):
            var all: [UInt8] = []
            var start = offset
            if case .packet(stream, let first, let before)? = seen.last, first + UInt64(before.count) == offset {
                all = before
                start = first
                seen.removeLast()  // Else the bytes would be copied with each piece.
            }
            all += input[bytes]
            seen.append(.packet(stream, offset: start, bytes: all))
            return
        case .metadata(_, let trace, _, let bytes, let isLast):
            var all: [UInt8] = []
            if case .metadata(trace, let before, false)? = seen.last {
                all = before
                seen.removeLast()
            }
            all += input[bytes]
            seen.append(.metadata(trace, bytes: all, isLast: isLast))
            return
        case .sessionsListed where attaches:
            for session in viewer.sessions where session.liveTimerUs > 0 { viewer.attach(session.id, from: position) }
        case .index(let stream, _, _):
            switch policy {
            case .fetch: viewer.fetch(stream)
            case .skip: viewer.skip(stream)
            case .hold: break
            }
        default: break
        }
        seen.append(.action(action))
    }

    // MARK: What was seen

    func count(_ matches: (ViewerAction) -> Bool) -> Int {
        seen.count { if case .action(let action) = $0 { matches(action) } else { false } }
    }

    func contains(_ action: ViewerAction) -> Bool {
        seen.contains(.action(action))
    }

    /// Place in `seen` of an action.
    func place(_ action: ViewerAction) -> Int? {
        seen.firstIndex(of: .action(action))
    }

    func requestCount(_ matches: (LiveRequest) -> Bool) -> Int {
        relay.log.count { matches($0.request) }
    }
}

/// A small generator whose numbers follow from its seed (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

let session1 = LiveSessionID(1)
let stream1 = LiveStreamID(11)
let metadata1 = LiveStreamID(12)

/// A relay with one session of one trace: data stream 11, metadata stream 12.
func oneStreamRelay(minor: UInt32 = 15, timerUs: UInt32 = 1_000_000) -> RelayDouble {
    var relay = RelayDouble(minor: minor)
    relay.sessions = [.test(1, timerUs: timerUs)]
    relay.streams[session1] = [.data(11), .metadata(12)]
    relay.metadata[metadata1] = [(.ok, Array("/* CTF 1.8 */".utf8))]
    return relay
}
