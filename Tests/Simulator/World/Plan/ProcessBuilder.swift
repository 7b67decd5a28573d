import CTF
import LTTngLive
import PacketWriter
import SimulatedRelay

/// Makes what one process of a relay will ever have, and how it misbehaves.
struct ProcessBuilder {
    let relay: Int
    let life: Int
    let version: RelayVersion
    let clock: HostClock
    var fromNs: UInt64 = 0
    /// When it dies; nil if it does not.
    var untilNs: UInt64?
    private var nextSession: UInt64 = 1
    private var nextStream: UInt64 = 1
    private var nextTrace: UInt64 = 1
    private var script: RelayScript

    init(relay: Int, life: Int, version: RelayVersion, clock: HostClock) {
        self.relay = relay
        self.life = life
        self.version = version
        self.clock = clock
        script = RelayScript(version: version)
    }

    mutating func build(_ builder: inout PlanBuilder) -> RelayScript {
        let lastNs = min(untilNs ?? .max, builder.plan.destroyedNs)
        let names = builder.random.chance(30) ? ["shop", "bank"] : ["shop"]
        for name in names {
            // Who restarts a relay has to make the sessions again.
            var appearsNs = fromNs + (life > 0 ? .ms(builder.random.number(0, 400)) : 0)
            if builder.has(.recreations), builder.random.chance(40) { appearsNs += .ms(builder.random.number(0, 1500)) }
            var ends: [UInt64] = []
            if builder.has(.recreations), builder.random.chance(60) {
                ends.append(builder.random.number(appearsNs + .ms(300), builder.plan.healNs + .ms(300)))
            }
            for end in ends + [lastNs] where appearsNs + .ms(10) < min(end, lastNs) {
                addSession(name, from: appearsNs, to: min(end, lastNs), &builder)
                appearsNs = end + .ms(builder.random.number(0, 300))
            }
        }
        addFaults(&builder)
        return script
    }

    private mutating func addSession(_ name: String, from: UInt64, to: UInt64, _ builder: inout PlanBuilder) {
        let hasTwoDomains = builder.random.chance(15)
        let creation = "2026010\(builder.random.number(1, 9))T\(100_000 + from / 1_000_000)+0000"
        let rotations = rotations(from: from, to: to, &builder)
        for domain in hasTwoDomains ? ["ust", "kernel"] : ["ust"] {
            let number = builder.plan.sessions.count
            let listed = ListedSession(
                id: LiveSessionID(nextSession),
                liveTimerUs: UInt32(builder.random.number(100, 400)) * 1000,
                hostname: "host-\(relay)",
                name: name
            )
            nextSession += 1
            builder.plan.sessions.append(
                TrueSession(
                    relay: relay,
                    life: life,
                    id: listed.id.rawValue,
                    host: listed.hostname,
                    name: name,
                    appearsNs: from,
                    endsNs: to
                )
            )
            var session = ScriptedSession(listed, appearsAtNs: from, endsAtNs: untilNs == to ? nil : to)
            session.rotations = rotations
            if builder.has(.heldSessions), builder.random.chance(40) {
                session.isHeldUntilNs = min(builder.plan.healNs, from + .ms(builder.random.number(50, 1500)))
            }
            addTraces(to: &session, number: number, domain: domain, creation: creation, from..<to, &builder)
            script.sessions.append(session)
        }
    }

    private func rotations(from: UInt64, to: UInt64, _ builder: inout PlanBuilder) -> [Range<UInt64>] {
        guard builder.has(.clears) else { return [] }
        return (0..<builder.random.number(0, 2)).compactMap { _ in
            let atNs = builder.random.number(from, builder.plan.healNs)
            let endNs = atNs + .ms(builder.random.number(1, 80))
            return endNs < to ? atNs..<endNs : nil
        }
    }

    /// One trace for the user, and where programs have their own, one for each of them.
    private mutating func addTraces(
        to session: inout ScriptedSession,
        number: Int,
        domain: String,
        creation: String,
        _ life: Range<UInt64>,
        _ builder: inout PlanBuilder
    ) {
        var context = StreamContext(
            session: number,
            periodNs: session.session.livePeriodNs,
            phaseNs: builder.random.number(0, session.session.livePeriodNs),
            domain: domain,
            creation: creation,
            clears: session.rotations
        )
        context.sessionEndNs = life.upperBound
        let user = domain == "kernel" ? "kernel" : "ust/uid/0/64-bit"
        let startNs = min(life.upperBound - 1, life.lowerBound + .ms(builder.random.number(0, 60)))
        context.stops = stops(&builder)
        session.streams += addTrace(
            path: user,
            streamCount: Int(builder.random.number(1, 3)),
            startNs..<life.upperBound,
            closes: false,
            context,
            &builder
        )
        guard builder.has(.programs), domain == "ust" else { return }
        for program in 0..<builder.random.number(1, 4) {
            let startNs = builder.random.number(life.lowerBound, max(life.lowerBound, builder.plan.healNs))
            let endNs = startNs + .ms(builder.random.number(20, 1200))
            guard endNs + .ms(5) < life.upperBound else { continue }
            session.streams += addTrace(
                path: "ust/pid/program-\(program)",
                streamCount: 1,
                startNs..<endNs,
                closes: true,
                context,
                &builder
            )
        }
    }

    private func stops(_ builder: inout PlanBuilder) -> [Range<UInt64>] {
        guard builder.has(.stops) else { return [] }
        let atNs = builder.random.number(0, builder.plan.healNs)
        return [atNs..<(atNs + .ms(builder.random.number(100, 2000)))]
    }

    private mutating func addTrace(
        path: String,
        streamCount: Int,
        _ life: Range<UInt64>,
        closes: Bool,
        _ context: StreamContext,
        _ builder: inout PlanBuilder
    ) -> [ScriptedStream] {
        let trace = LiveTraceID(nextTrace)
        nextTrace += 1
        let text = TraceText(
            uuid: TraceUUID(high: builder.random.next(), low: builder.random.next()),
            clockUUID: TraceUUID(high: clock.bootCycles, low: UInt64(relay)),
            offsetNs: clock.offset(madeAt: life.lowerBound),
            domain: context.domain,
            creation: context.creation
        )
        var metadata = text.metadata
        if version.minor < 14 { metadata = MetadataPackets.wrap(metadata, uuid: text.uuid) }
        var metadataNs = life.lowerBound
        if builder.has(.lateMetadata), builder.random.chance(50) { metadataNs += .ms(builder.random.number(1, 1500)) }
        var streams = [
            ScriptedStream(
                liveStream(trace, path: path, channel: "metadata", isMetadata: true),
                appearsAtNs: life.lowerBound,
                steps: [(min(metadataNs, life.upperBound - 1), .metadata(metadata))]
            )
        ]
        for cpu in 0..<streamCount {
            let live = liveStream(trace, path: path, channel: "channel0_\(cpu)", isMetadata: false)
            // A CPU may be there later than the others.
            var appearsNs = life.lowerBound
            if cpu > 0, builder.random.chance(30) {
                appearsNs = min(appearsNs + .ms(builder.random.number(0, 1000)), life.upperBound - 1)
            }
            var writer = StreamBuilder(context: context, clock: clock, text: text, life: appearsNs..<life.upperBound)
            writer.closes = closes
            let stream = TrueStream(
                session: context.session,
                liveID: live.id.rawValue,
                instanceID: UInt64(cpu),
                traceUUID: text.uuid,
                appearsNs: appearsNs,
                closesNs: nil
            )
            streams.append(
                ScriptedStream(live, appearsAtNs: appearsNs, steps: writer.build(stream, &builder))
            )
        }
        return streams
    }

    private mutating func liveStream(
        _ trace: LiveTraceID,
        path: String,
        channel: String,
        isMetadata: Bool
    ) -> LiveStream {
        defer { nextStream += 1 }
        return LiveStream(
            id: LiveStreamID(nextStream),
            trace: trace,
            isMetadata: isMetadata,
            path: path,
            channel: channel
        )
    }

    // MARK: Faults

    private mutating func addFaults(_ builder: inout PlanBuilder) {
        let healNs = builder.plan.healNs
        if builder.has(.stalls), fromNs < healNs, builder.random.chance(60) {
            let atNs = builder.random.number(fromNs, healNs)
            script.faults.append(.silence(atNs..<min(healNs, atNs + .ms(builder.random.number(50, 3000)))))
        }
        if builder.has(.splits), builder.random.chance(50) {
            script.faults.append(.split(bytes: Int(builder.random.number(200, 4000)), everyNs: 20_000))
        }
        // Few bytes, so that it happens soon, and not when all is to be well.
        if builder.has(.resets), builder.random.chance(50) {
            script.faults.append(.cut(afterBytes: builder.random.number(0, 4000)))
        }
        guard builder.has(.garbage) else { return }
        for _ in 0..<builder.random.number(1, 2) {
            let reply = builder.random.pick(Garbage.replies)
            let number = Int(builder.random.number(1, 20))
            script.faults.append(.reply(to: reply.kind, number: number, bytes: reply.bytes))
        }
    }
}
