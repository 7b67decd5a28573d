import Coordinator
import SimulatedRelay

/// All that will happen in a world, and all that its relays will ever have: it follows from the seed alone.
///
/// ```
/// 0 ............... healNs ............... settledNs ........ destroyedNs .. endNs
///   events, faults          beacons only             sessions are destroyed
/// ```
package struct WorldPlan: Sendable {
    package let seed: UInt64
    /// The kinds that this seed did not leave out.
    package internal(set) var faults: Set<FaultKind> = []
    var relays: [RelayPlan] = []
    var sessions: [TrueSession] = []
    var streams: [TrueStream] = []
    /// By number, from 1.
    var events: [TrueEvent] = []
    /// In order of time.
    var happenings: [(atNs: UInt64, what: Happening)] = []
    var subscribers: [SubscriberPlan] = []
    /// The grace time; nil for `never`.
    var stallAfterNs: UInt64?
    /// The log outlives its coordinator.
    var keepsLog = false
    /// Packet bytes that the coordinator may keep of a relay.
    var pendingBytesMax = 64 << 20
    /// Bytes of frames that the log keeps.
    var retainedBytes = 64 << 20
    /// From then on nothing goes wrong any more.
    var healNs: UInt64 = 0
    /// By then all must be well again.
    var settledNs: UInt64 = 0
    /// The last session is destroyed.
    var destroyedNs: UInt64 = 0
    var endNs: UInt64 = 0

    func event(_ number: UInt64) -> TrueEvent? {
        number >= 1 && number <= UInt64(events.count) ? events[Int(number - 1)] : nil
    }

    /// In one line.
    package var summary: String {
        let kinds = FaultKind.allCases.filter(faults.contains).map(\.rawValue)
        let versions = relays.map { "2.\($0.lives.first?.script.version.minor ?? 0)" }
        let grace = stallAfterNs.map { "\($0 / 1_000_000) ms" } ?? "never"
        return "relays \(versions.joined(separator: " ")), \(sessions.count) sessions, \(streams.count) streams, "
            + "\(events.count) events, stall-after \(grace), \(subscribers.count) subscribers, "
            + "faults: \(kinds.isEmpty ? "none" : kinds.joined(separator: " "))"
    }
}

/// A relay's host, over all of its processes.
struct RelayPlan: Sendable {
    /// A process of the relay.
    struct Life: Sendable {
        var fromNs: UInt64
        /// When it dies; nil if it does not.
        var untilNs: UInt64?
        var script: RelayScript
    }

    var lives: [Life] = []
    /// Nanoseconds that bytes take each way, and by how much more they may.
    var delayNs: UInt64
    var jitterNs: UInt64
}

/// Something that happens at a time.
enum Happening: Sendable {
    case relayDies(Int)
    case relayStarts(Int, life: Int)
    /// All connections of a relay break.
    case connectionsBreak(Int)
    /// Bytes on the relay's connections of now vanish from now on.
    case connectionsGoDead(Int)
    /// As before, and new connections cannot be made until then.
    case partition(Int, untilNs: UInt64)
    /// The coordinator is gone. - `isSaid`: whether its machine still tells the relays.
    case coordinatorDies(isSaid: Bool)
    case coordinatorStarts
    case outputIsHeld(Bool)
    case subscriberComes(Int)
    case subscriberIsCut(Int)
}

/// A subscriber, over all of its connections.
struct SubscriberPlan: Sendable {
    enum Start: Sendable {
        case earliest
        case latest
    }

    var start: Start
    /// Nanoseconds that it takes for each piece that it is sent.
    var paceNs: UInt64
    /// Bytes of the log that it is sent at once.
    var pieceBytes: Int
    /// When it goes for good.
    var leavesNs: UInt64?
}
