package import CTF
import LTTngLive

/// A traced host that does not exist: a session with one trace, a stream for each CPU, and events that follow from a
/// seed.
///
/// Its clock is the simulation's own: cycles are nanoseconds of simulated time. Each stream closes a packet when its
/// live timer ticks (all CPUs of a host within 0.2 ms), and more often where rates are high; a tick without events is
/// a beacon. Rates rise and fall over a minute, and CPUs but the first fall silent now and then.
package struct GeneratedHost: Sendable {
    package var hostname: String
    package var sessionName: String
    package var seed: UInt64
    /// Streams, at least 1.
    package var cpuCount = 4
    /// Microseconds between two ticks of the live timer, at least 1000.
    package var liveTimerUs: UInt32 = 200_000
    /// Mean events a second on each CPU, at most 1 million.
    package var eventsPerSecond: UInt64 = 200
    /// Simulated time of the first tick's period; the session is there from then on.
    package var startsAtNs: UInt64 = 0
    /// Simulated time at which the session is destroyed; nil for never.
    package var endsAtNs: UInt64?
    /// The Unix time, in nanoseconds, of simulated time 0.
    package var epochOffsetNs: UInt64 = 1_767_225_600_000_000_000

    package init(hostname: String, sessionName: String = "demo", seed: UInt64) {
        self.hostname = hostname
        self.sessionName = sessionName
        self.seed = seed
    }

    /// The trace's UUID: follows from the seed.
    package var traceUUID: TraceUUID {
        var numbers = SeededGenerator(seed, 1)
        // The bits that mark a random UUID (version 4).
        let high = numbers.next() & ~0xF000 | 0x4000
        return TraceUUID(high: high, low: numbers.next() & ~(3 << 62) | (2 << 62))
    }

    var clockUUID: TraceUUID {
        var numbers = SeededGenerator(seed, 2)
        return TraceUUID(high: numbers.next(), low: numbers.next())
    }

    /// Events of CPU `cpu` whose packets are complete at a time: what a viewer can have read by then.
    /// - Complexity: O(packets).
    package func eventCount(cpu: Int, nowNs: UInt64) -> Int {
        let stream = GeneratedStream(self, cpu: cpu)
        return (0..<stream.packetCount(at: min(nowNs, endsAtNs ?? .max)))
            .reduce(0) { $0 + stream.eventCount(packet: $1) }
    }

    /// The metadata text, as a viewer gets it.
    package var metadataText: String { GeneratedMetadata(self).text }
}

extension GeneratedHost {
    /// Hosts that differ in name, size, rate and live timer, for demonstrations.
    /// - Parameters:
    ///   - startsAtNs: simulated time at which all sessions begin.
    ///   - epochOffsetNs: the Unix time, in nanoseconds, of simulated time 0.
    package static func cluster(
        hostCount: Int,
        seed: UInt64 = 1,
        startsAtNs: UInt64 = 0,
        epochOffsetNs: UInt64 = 1_767_225_600_000_000_000
    ) -> [GeneratedHost] {
        let roles: [(name: String, cpus: Int, events: UInt64)] = [
            ("web", 4, 120), ("db", 2, 200), ("cache", 1, 300), ("worker", 2, 40),
        ]
        return (0..<hostCount).map { number in
            let role = roles[number % roles.count]
            var host = GeneratedHost(
                hostname: "\(role.name)-\(number / roles.count + 1)",
                sessionName: "shop",
                seed: seed &+ UInt64(number)
            )
            host.cpuCount = role.cpus
            host.eventsPerSecond = role.events
            host.liveTimerUs = [100_000, 200_000, 250_000][number % 3]
            host.startsAtNs = startsAtNs
            host.epochOffsetNs = epochOffsetNs
            return host
        }
    }
}

extension SimulatedRelay {
    /// Adds a host's session, with ids that follow those there are.
    mutating func add(_ host: GeneratedHost) {
        let session = sessions.count
        let listed = ListedSession(
            id: LiveSessionID(UInt64(session) + 1),
            liveTimerUs: host.liveTimerUs,
            hostname: host.hostname,
            name: host.sessionName
        )
        add(ScriptedSession(listed, appearsAtNs: host.startsAtNs, endsAtNs: host.endsAtNs))
        let trace = LiveTraceID(UInt64(session) + 1)
        let path = "ust/uid/1000/64-bit"
        for cpu in 0..<host.cpuCount {
            let live = LiveStream(
                id: LiveStreamID(UInt64(streams.count) + 1),
                trace: trace,
                isMetadata: false,
                path: path,
                channel: "channel0_\(cpu)"
            )
            add(SimulatedStream(live, session: session, content: .generated(GeneratedStream(host, cpu: cpu))))
        }
        let metadata = LiveStream(
            id: LiveStreamID(UInt64(streams.count) + 1),
            trace: trace,
            isMetadata: true,
            path: path,
            channel: "metadata"
        )
        var text = Array(host.metadataText.utf8)
        if version.packsMetadata { text = MetadataPackets.wrap(text, uuid: host.traceUUID) }
        add(SimulatedStream(metadata, session: session, content: .metadata(text)))
    }
}
