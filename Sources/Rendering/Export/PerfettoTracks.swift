import CTF
import Feed

/// The machines and tracks of an export: a machine for each host, on it tracks for the host, its sessions and their
/// streams, each declared by packets of its own before the first event on it. Confined to whoever owns the export.
final class PerfettoTracks {
    /// Hosts with a machine of their own; more of them share the last one, each with a track.
    static let machinesMax = 4096
    /// Sessions and hosts whose tracks are known; beyond that they are declared anew.
    private static let tracksMax = 1 << 16

    /// Where the events of a stream go.
    struct Place {
        /// Index in `machines`.
        var machine: Int
        var track: UInt64
    }

    private struct Host: Hashable {
        var relay: String
        var host: String
    }

    private struct Session: Hashable {
        var host: Host
        var session: String
        var id: UInt64
    }

    /// By machine.
    private(set) var names: [PerfettoNames] = []
    private var hosts: [Host: Place] = [:]
    private var sessions: [Session: Place] = [:]
    private var streams: [UInt64: Place] = [:]
    /// The streams of each trace.
    private var members: [UInt64: [UInt64]] = [:]
    private var lastTrack: UInt64 = 0

    /// Of a stream that has been declared.
    subscript(streamID: UInt64) -> Place? { streams[streamID] }

    /// Forgets what the feed says has ended.
    func note(_ record: FeedRecord) {
        switch record {
        case .streamEnd(let end): streams[end.streamID] = nil
        case .traceEnd(let traceID):
            for id in members.removeValue(forKey: traceID) ?? [] { streams[id] = nil }
        default: break
        }
    }

    /// Declares what a packet's events need and is new.
    /// - Parameter timeNs: the host's clock at its first packet.
    func declare(_ packet: FeedPacket, timeNs: Int64, to pen: inout OutputPen) {
        guard streams[packet.stream.id] == nil else { return }
        let trace = packet.trace
        // Directories have neither relay nor host name; the trace itself mostly knows its host.
        var hostname = trace.host
        if hostname.isEmpty, case .text(let text)? = packet.program.traceClass.environmentValue("hostname") {
            hostname = text
        }
        let session = Session(
            host: Host(relay: trace.relay, host: hostname),
            session: trace.session.isEmpty ? trace.relativePath : trace.session,
            id: trace.sessionID
        )
        let parent = place(session, traceClass: packet.program.traceClass, timeNs: timeNs, to: &pen)
        var name = packet.stream.channel.isEmpty ? "stream \(packet.stream.liveStreamID)" : packet.stream.channel
        if let cpu = packet.preamble.cpuID { name += " (cpu \(cpu))" }
        streams[packet.stream.id] = declare(name, below: parent, machine: parent.machine, to: &pen)
        members[trace.id, default: []].append(packet.stream.id)
    }

    /// Where something that no single stream is meant by goes.
    func place(relay: String, host: String, timeNs: Int64, to pen: inout OutputPen) -> Place {
        place(Host(relay: relay, host: host), traceClass: nil, timeNs: timeNs, to: &pen)
    }

    private func place(_ session: Session, traceClass: TraceClass, timeNs: Int64, to pen: inout OutputPen) -> Place {
        if let known = sessions[session] { return known }
        let host = place(session.host, traceClass: traceClass, timeNs: timeNs, to: &pen)
        if sessions.count >= Self.tracksMax { sessions.removeAll() }
        let name = session.session.isEmpty ? "traces" : session.session
        let place = declare(name, below: host, machine: host.machine, to: &pen)
        sessions[session] = place
        return place
    }

    private func place(_ host: Host, traceClass: TraceClass?, timeNs: Int64, to pen: inout OutputPen) -> Place {
        if let known = hosts[host] { return known }
        if hosts.count >= Self.tracksMax { hosts.removeAll() }
        let name = host.relay.isEmpty || host.relay == host.host ? host.host : "\(host.host) (\(host.relay))"
        let shown = name.isEmpty ? "host" : name
        if names.count < Self.machinesMax { begin(machine: shown, traceClass, timeNs: timeNs, to: &pen) }
        let place = declare(shown, below: nil, machine: names.count - 1, to: &pen)
        hosts[host] = place
        return place
    }

    // MARK: Packets

    /// Appends what tells the packets of machines apart: the members of `TracePacket` that all of them have.
    ///
    /// The first machine is the one that a trace has without being told of any.
    static func appendOrigin(machine: Int, to pen: inout OutputPen) {
        if machine > 0 { pen.appendNumber(98, UInt64(machine)) }
        pen.appendNumber(10, UInt64(machine) + 1)
    }

    /// Times are those of the wall clock, by which the trace goes.
    static let wallClock: UInt64 = 1

    private func begin(machine name: String, _ traceClass: TraceClass?, timeNs: Int64, to pen: inout OutputPen) {
        let machine = names.count
        names.append(PerfettoNames())
        let time = UInt64(clamping: timeNs)
        let first = pen.openMessage(1)
        Self.appendOrigin(machine: machine, to: &pen)
        // Nothing that came before on this sequence is of use.
        pen.appendNumber(13, 1)
        pen.appendNumber(87, 1)
        let snapshot = pen.openMessage(6)
        // Wall clock, monotonic and boot time, which are taken to be the same: the feed knows of no other.
        for clock: UInt64 in [Self.wallClock, 3, 6] {
            let entry = pen.openMessage(1)
            pen.appendNumber(1, clock)
            pen.appendNumber(2, time)
            pen.closeMessage(entry)
        }
        pen.appendNumber(2, Self.wallClock)
        pen.closeMessage(snapshot)
        pen.closeMessage(first)

        let second = pen.openMessage(1)
        Self.appendOrigin(machine: machine, to: &pen)
        let system = pen.openMessage(45)
        let utsname = pen.openMessage(1)
        let environment = [(1, "sysname"), (2, "kernel_version"), (3, "kernel_release"), (4, "architecture")]
        for (member, entry) in environment {
            if case .text(let text)? = traceClass?.environmentValue(entry) { pen.appendText(UInt64(member), text) }
        }
        pen.closeMessage(utsname)
        pen.appendText(17, name)
        pen.closeMessage(system)
        pen.closeMessage(second)
    }

    private func declare(_ name: String, below parent: Place?, machine: Int, to pen: inout OutputPen) -> Place {
        lastTrack += 1
        let packet = pen.openMessage(1)
        Self.appendOrigin(machine: machine, to: &pen)
        let track = pen.openMessage(60)
        pen.appendNumber(1, lastTrack)
        pen.appendText(2, name)
        if let parent { pen.appendNumber(5, parent.track) }
        pen.closeMessage(track)
        pen.closeMessage(packet)
        return Place(machine: machine, track: lastTrack)
    }
}
