import EventMerge

/// A random history of relays, sessions and streams, in the real frontier and in plain arrays at once.
struct FrontierTrial: ~Copyable {
    private struct Stream {
        var name: FrontierStream
        var bound: Int64
    }
    private struct Session {
        var name: FrontierSession
        var own: Int64
        var streams: [Stream] = []
        var least: Int64 { min(own, streams.map(\.bound).min() ?? .max) }
    }
    private struct Relay {
        var name: FrontierRelay
        var own = Int64.min
        var counts = true
        var sessions: [Session] = []
        var least: Int64 { min(own, sessions.map(\.least).min() ?? .max) }
        /// What it lends; nil: nothing.
        var lent: Int64? {
            let least = sessions.filter { !$0.streams.isEmpty }.map(\.least).min()
            return least.map { min($0, own) }
        }
    }

    private var generator: SeededGenerator
    private var frontier = Frontier()
    private var relays: [Relay] = []
    private var watermark: Int64?
    private var clock: Int64 = 0

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    /// - Returns: what is wrong; nil: nothing.
    mutating func step() -> String? {
        change()
        if generator.oneIn(2) {
            let before = watermark
            if let least = relays.filter(\.counts).map(\.least).min() { watermark = max(watermark ?? .min, least) }
            if watermark == .min { watermark = nil }
            if frontier.raiseWatermark() != watermark { return "W is not \(String(describing: watermark))" }
            if let before, let watermark, watermark < before { return "W went back" }
        }
        frontier.checkInvariants()
        return compare()
    }

    private func compare() -> String? {
        let counting = relays.filter(\.counts)
        let candidate = max(counting.compactMap(\.lent).min() ?? .min, watermark ?? .min)
        if frontier.candidateNs != (candidate == .min ? nil : candidate) { return "candidate is not \(candidate)" }
        for relay in relays where (frontier.boundNs(relay.name) ?? .min) != relay.least { return "a relay's bound" }
        guard let least = counting.map(\.least).min() else {
            return frontier.holder == nil ? nil : "somebody holds who does not count"
        }
        guard let holder = frontier.holder else { return "nobody holds" }
        if (holder.boundNs ?? .min) != least { return "holder's bound is not \(least)" }
        guard let relay = counting.first(where: { $0.name == holder.relay }) else { return "no such holder" }
        guard let name = holder.session else {
            return relay.own == least ? nil : "the relay's own bound is not the least"
        }
        guard let session = relay.sessions.first(where: { $0.name == name }) else { return "no such session" }
        guard let stream = holder.stream else {
            return session.own == least ? nil : "the session's own is not the least"
        }
        return session.streams.contains { $0.name == stream && $0.bound == least } ? nil : "the stream is not the least"
    }

    private mutating func change() {
        clock += Int64(generator.pick(0..<5))
        guard let relay = relays.indices.randomElement(using: &generator), !generator.oneIn(60) || relays.count > 5
        else {
            relays.append(Relay(name: frontier.addRelay()))
            return
        }
        let bound = clock - Int64(generator.pick(0..<20))
        switch generator.pick(0..<100) {
        case 0..<20:
            frontier.setRelayBound(relays[relay].name, to: bound)
            relays[relay].own = max(relays[relay].own, bound)
        case 20..<25:
            let own: Int64? = generator.oneIn(2) ? nil : bound
            relays[relay].sessions.append(
                Session(name: frontier.addSession(relays[relay].name, boundNs: own), own: own ?? .min)
            )
        case 25..<28:
            relays[relay].counts.toggle()
            frontier.setCounts(relays[relay].name, relays[relay].counts)
        case 28..<29:
            frontier.removeRelay(relays[relay].name)
            relays.remove(at: relay)
        default:
            guard let session = relays[relay].sessions.indices.randomElement(using: &generator) else { return }
            change(relay, session, bound)
        }
    }

    private mutating func change(_ relay: Int, _ session: Int, _ bound: Int64) {
        switch generator.pick(0..<100) {
        case 0..<30:
            frontier.setSessionBound(relays[relay].sessions[session].name, to: bound)
            relays[relay].sessions[session].own = max(relays[relay].sessions[session].own, bound)
        case 30..<40:
            let name = frontier.addStream(relays[relay].sessions[session].name)
            relays[relay].sessions[session].streams.append(
                Stream(name: name, bound: relays[relay].sessions[session].own)
            )
        case 40..<43:
            frontier.endSession(relays[relay].sessions[session].name)
            relays[relay].sessions.remove(at: session)
        default:
            guard let stream = relays[relay].sessions[session].streams.indices.randomElement(using: &generator) else {
                return
            }
            if generator.oneIn(10) {
                frontier.endStream(relays[relay].sessions[session].streams[stream].name)
                relays[relay].sessions[session].streams.remove(at: stream)
            } else {
                frontier.advance(relays[relay].sessions[session].streams[stream].name, to: bound)
                let before = relays[relay].sessions[session].streams[stream].bound
                relays[relay].sessions[session].streams[stream].bound = max(before, bound)
            }
        }
    }
}
