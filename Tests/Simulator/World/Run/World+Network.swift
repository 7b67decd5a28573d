import Coordinator
import SimulatedRelay

/// A connection of the coordinator's, by the number that it gave it.
struct Line {
    var relay: Int
    /// Counts the connections of this number: what was sent on an older one no longer counts.
    var attempt = 0
    /// The session that it is for; 0: it is the relay's own.
    var identity: UInt64 = 0
    var port: UInt16 = 0
    /// Which process of the relay it leads to.
    var life = 0
    /// The relay's side; nil while there is none.
    var connection: RelayConnectionID?
    /// When the coordinator learns that it is connected.
    var connectedNs: UInt64 = 0
    /// Bytes vanish, in both directions, and so do closes.
    var isDead = false
    /// When the last bytes of each direction arrive: what is sent later does not overtake them.
    var upNs: UInt64 = 0
    var downNs: UInt64 = 0
}

/// Connections: bytes keep their order on one, and may take any time; between two there is no order.
extension World {
    func connect(_ link: Int, to relay: Int, identity: UInt64) {
        let attempt = (lines[link]?.attempt ?? 0) + 1
        let port = UInt16(truncatingIfNeeded: 1000 * (relay + 1)) &+ UInt16(truncatingIfNeeded: identity)
        lines[link] = Line(relay: relay, attempt: attempt, identity: identity, port: port)
        if relays[relay].partitionedUntilNs > nowNs {
            queue.add(.connectFailed(link: link, attempt: attempt, reason: "no answer"), atNs: nowNs + .ms(1000))
        } else {
            queue.add(.knock(link: link, attempt: attempt), atNs: nowNs + delayNs(relay))
        }
    }

    func knock(_ link: Int, _ attempt: Int) {
        guard let line = current(link, attempt) else { return }
        let atNs = nowNs + delayNs(line.relay)
        guard let machine = relays[line.relay].machine,
            let connection = machine.relay.connected(from: line.port, nowNs: nowNs)
        else {
            return queue.add(.connectFailed(link: link, attempt: attempt, reason: "connection refused"), atNs: atNs)
        }
        lines[link]?.connection = connection
        lines[link]?.life = relays[line.relay].life
        lines[link]?.connectedNs = atNs
        lines[link]?.downNs = atNs
        queue.add(.connected(link: link, attempt: attempt), atNs: atNs)
        collect(line.relay)
    }

    func connected(_ link: Int, _ attempt: Int) {
        guard current(link, attempt) != nil else { return }
        coordinator?.machine.connected(relay: link, now: nowNs)
        runActions()
    }

    func connectFailed(_ link: Int, _ attempt: Int, _ reason: String) {
        guard let line = current(link, attempt) else { return }
        lines[link]?.attempt += 1
        tellFeed(line)
        coordinator?.machine.connectFailed(relay: link, reason: reason, now: nowNs)
        runActions()
    }

    func disconnected(_ link: Int, _ attempt: Int, _ reason: String) {
        guard let line = current(link, attempt) else { return }
        tellFeed(line)
        say("connection \(link) is gone: \(reason)")
        lines[link]?.attempt += 1
        lines[link]?.connection = nil
        timers[.link(relay: link)] = nil
        coordinator?.machine.disconnected(relay: link, reason: reason, now: nowNs)
        runActions()
    }

    private func current(_ link: Int, _ attempt: Int) -> Line? {
        guard coordinator != nil, let line = lines[link], line.attempt == attempt else { return nil }
        return line
    }

    private func delayNs(_ relay: Int) -> UInt64 {
        let plan = plan.relays[relay]
        guard plan.jitterNs > 0, nowNs < self.plan.healNs else { return plan.delayNs }
        return plan.delayNs + random.number(0, plan.jitterNs)
    }

    // MARK: Bytes

    func send(_ bytes: [UInt8], on link: Int) {
        guard let line = lines[link], line.connection != nil, !line.isDead else { return }
        let atNs = max(line.upNs, nowNs + delayNs(line.relay))
        lines[link]?.upNs = atNs
        queue.add(.toRelay(link: link, attempt: line.attempt, bytes: bytes), atNs: atNs)
    }

    func reachRelay(_ link: Int, _ attempt: Int, _ bytes: [UInt8]) {
        guard let line = current(link, attempt), let connection = line.connection, !line.isDead,
            line.life == relays[line.relay].life, let machine = relays[line.relay].machine
        else { return }
        bytes.withUnsafeBytes { machine.relay.received($0, on: connection, nowNs: nowNs) }
        collect(line.relay)
    }

    func reachCoordinator(_ link: Int, _ attempt: Int, _ bytes: [UInt8]) {
        guard let line = current(link, attempt), !line.isDead, let coordinator else { return }
        bytes.withUnsafeBytes { coordinator.machine.received(relay: link, $0, now: nowNs) }
        runActions()
        guard current(link, attempt) != nil else { return }
        coordinator.machine.readCompleted(relay: link, now: nowNs)
        runActions()
    }

    /// Takes what a relay has to say by now, on all of its connections.
    func collect(_ relay: Int) {
        guard let machine = relays[relay].machine else { return }
        machine.relay.advance(to: nowNs)
        for link in lines.keys.sorted() {
            guard let line = lines[link], line.relay == relay, line.life == relays[relay].life,
                let connection = line.connection
            else { continue }
            if machine.relay.hasOutput(connection) {
                reply(machine.relay.takeOutput(connection) { Array($0) }, on: link)
            }
            guard machine.relay.isClosing(connection) else { continue }
            machine.relay.disconnected(connection, nowNs: nowNs)
            lines[link]?.connection = nil
            sayClosed(link, reason: "the relay closed the connection")
        }
        guard let wakeNs = machine.relay.nextWakeNs, wakeNs != relays[relay].wakeNs else { return }
        relays[relay].wakeNs = wakeNs
        queue.add(.relayWakes(relay), atNs: max(wakeNs, nowNs))
    }

    private func reply(_ bytes: [UInt8], on link: Int) {
        guard let line = lines[link], !line.isDead else { return }
        var pieces = [bytes[...]]
        if plan.faults.contains(.splits) || plan.faults.contains(.resets) {
            while pieces.count < 4, let last = pieces.last, last.count > 1, random.chance(40) {
                let cut = last.startIndex + Int(random.number(1, UInt64(last.count - 1)))
                pieces[pieces.count - 1] = last[..<cut]
                pieces.append(last[cut...])
            }
        }
        for piece in pieces {
            let atNs = max(lines[link]?.downNs ?? 0, nowNs + delayNs(line.relay))
            lines[link]?.downNs = atNs
            queue.add(.toCoordinator(link: link, attempt: line.attempt, bytes: Array(piece)), atNs: atNs)
        }
    }

    // MARK: Ends

    /// The relay's side has ended: the coordinator learns it behind what was sent before.
    private func sayClosed(_ link: Int, reason: String) {
        guard let line = lines[link], !line.isDead else { return }
        let atNs = max(line.downNs, nowNs + delayNs(line.relay))
        queue.add(.disconnected(link: link, attempt: line.attempt, reason: reason), atNs: atNs)
    }

    /// The coordinator's side ends. - Parameter relayIsTold: not where its machine went down.
    func drop(_ link: Int, relayIsTold: Bool) {
        guard let line = lines[link] else { return }
        tellFeed(line)
        lines[link]?.attempt += 1
        lines[link]?.connection = nil
        timers[.link(relay: link)] = nil
        guard relayIsTold, !line.isDead, let connection = line.connection else { return }
        let atNs = max(line.upNs, nowNs + delayNs(line.relay))
        queue.add(.hungUp(relay: line.relay, life: line.life, connection: connection), atNs: atNs)
    }

    /// What the coordinator learns of a session's connection decides how long W waits for the session.
    private func tellFeed(_ line: Line) {
        guard line.identity != 0 else { return }
        feeds.last?.connectionIsGone(relay: line.relay, session: line.identity)
    }

    /// All connections of a relay break; bytes on their way may be lost.
    func breakLines(of relay: Int) {
        for link in lines.keys.sorted() {
            guard let line = lines[link], line.relay == relay, let connection = line.connection else { continue }
            lines[link]?.connection = nil
            if relays[relay].life == line.life {
                relays[relay].machine?.relay.disconnected(connection, nowNs: nowNs)
            }
            guard !line.isDead else { continue }
            let atNs = max(line.connectedNs, nowNs + random.number(0, 2 * delayNs(relay)))
            let reason = "connection reset"
            queue.add(.disconnected(link: link, attempt: line.attempt, reason: reason), atNs: atNs)
        }
        collect(relay)
    }

    /// Bytes on the relay's connections of now vanish.
    func deaden(_ relay: Int) {
        for link in lines.keys where lines[link]?.relay == relay { lines[link]?.isDead = true }
    }
}
