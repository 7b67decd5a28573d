import CTF
import LTTngLive
import PacketWriter
import SimulatedRelay

/// What the streams of a session have in common.
struct StreamContext {
    /// Of `WorldPlan.sessions`.
    var session: Int
    var periodNs: UInt64
    /// When the live timer ticks.
    var phaseNs: UInt64
    var domain: String
    var creation: String
    var clears: [Range<UInt64>]
    /// While the session is stopped nothing is traced.
    var stops: [Range<UInt64>] = []
    var sessionEndNs: UInt64 = 0
}

/// Makes a stream: at each tick of the live timer a packet, or a beacon where there was nothing.
struct StreamBuilder {
    let context: StreamContext
    let clock: HostClock
    let text: TraceText
    let life: Range<UInt64>
    /// Whether its program closes it at the end of its life.
    var closes = false

    private var steps: [(atNs: UInt64, step: ScriptedStream.Step)] = []
    private var lastVisibleNs: UInt64 = 0
    private var offset: UInt64 = 0
    private var sequenceNumber: UInt64 = 0
    private var discarded: UInt64 = 0
    private var beginNs: UInt64
    private var clearsLeft: [Range<UInt64>]

    init(context: StreamContext, clock: HostClock, text: TraceText, life: Range<UInt64>) {
        self.context = context
        self.clock = clock
        self.text = text
        self.life = life
        beginNs = life.lowerBound
        clearsLeft = context.clears.sorted { $0.lowerBound < $1.lowerBound }
    }

    /// - Returns: its steps. The stream, with its packets, is in the plan then.
    mutating func build(
        _ stream: TrueStream,
        _ builder: inout PlanBuilder
    ) -> [(atNs: UInt64, step: ScriptedStream.Step)] {
        var stream = stream
        let number = builder.plan.streams.count
        let jitterNs = builder.random.number(0, 200_000)
        var tick = context.phaseNs + jitterNs
        while tick <= life.lowerBound { tick += context.periodNs }
        while tick < life.upperBound {
            flush(at: tick, of: &stream, number, isLast: false, &builder)
            tick += context.periodNs
        }
        flush(at: life.upperBound - 1, of: &stream, number, isLast: true, &builder)
        if closes {
            // Some linger, and an old relay keeps what they wrote for as long.
            let lingerNs = builder.random.chance(50) ? 3 * context.periodNs : .ms(builder.random.number(0, 10))
            let closesNs = max(lastVisibleNs, life.upperBound + lingerNs)
            if closesNs < context.sessionEndNs {
                stream.closesNs = closesNs
                steps.append((closesNs, .hangUp))
            }
        }
        builder.plan.streams.append(stream)
        return steps
    }

    /// The live timer ticks, or the stream is flushed for the last time.
    private mutating func flush(
        at tick: UInt64,
        of stream: inout TrueStream,
        _ number: Int,
        isLast: Bool,
        _ builder: inout PlanBuilder
    ) {
        guard tick > beginNs else { return }
        let times = eventTimes(until: tick, &builder)
        if builder.has(.discards), builder.random.chance(10) { discarded += builder.random.number(1, 5) }
        let delayNs = isLast ? 0 : builder.random.number(0, 5_000_000)
        let visibleNs = max(lastVisibleNs, min(tick + delayNs, context.sessionEndNs - 1))
        lastVisibleNs = visibleNs
        let isDiscarding = discarded > stream.packets.last?.discarded ?? 0
        // The first packet comes at the first tick, even if nothing is in it.
        if times.isEmpty, !isDiscarding, !stream.packets.isEmpty {
            steps.append((visibleNs, .beacon(clock.cycles(tick))))
        } else {
            write(times, until: tick, visibleNs: visibleNs, to: &stream, number, &builder)
        }
        beginNs = tick
    }

    private mutating func eventTimes(until tick: UInt64, _ builder: inout PlanBuilder) -> [UInt64] {
        guard tick < builder.plan.healNs + .ms(1500), builder.random.chance(60) else { return [] }
        let isCoarse = builder.random.chance(50)
        var times: [UInt64] = []
        for _ in 0..<builder.random.number(1, 4) {
            var time = builder.random.number(beginNs + 1, tick)
            // Events of one moment, in many streams, are what ties are made of.
            if isCoarse { time = max(time / .ms(20) * .ms(20), beginNs + 1) }
            guard !context.stops.contains(where: { $0.contains(time) }) else { continue }
            times.append(time)
        }
        return times.sorted()
    }

    private mutating func write(
        _ times: [UInt64],
        until tick: UInt64,
        visibleNs: UInt64,
        to stream: inout TrueStream,
        _ number: Int,
        _ builder: inout PlanBuilder
    ) {
        let first = UInt64(builder.plan.events.count) + 1
        let cycles = times.map { clock.cycles($0) }
        for cycle in cycles {
            let ns = Int64(cycle) + text.offsetNs
            builder.plan.events.append(TrueEvent(stream: number, packet: stream.packets.count, timestampNs: ns))
        }
        // What is there when `lttng clear` begins is gone, and offsets begin anew. Not the first packet, though,
        // without which an old relay would keep beacons to itself.
        var isCleared = false
        if let clear = clearsLeft.first, visibleNs >= clear.lowerBound {
            clearsLeft.removeFirst()
            offset = 0
            isCleared = !stream.packets.isEmpty
        } else if let clear = clearsLeft.first, visibleNs + .ms(100) >= clear.lowerBound {
            isCleared = !stream.packets.isEmpty
        }
        let packet = PacketText(
            uuid: text.uuid,
            instanceID: stream.instanceID,
            beginCycles: clock.cycles(beginNs),
            endCycles: clock.cycles(tick),
            sequenceNumber: sequenceNumber,
            discarded: discarded,
            offset: offset,
            events: zip(cycles, first...).map { (cycles: $0, number: $1) }
        ).written()
        sequenceNumber += 1
        var fate = isCleared ? TruePacket.Fate.cleared : .served
        if !isCleared {
            offset += UInt64(packet.bytes.count)
            var bytes = packet.bytes
            if builder.has(.gonePackets), builder.random.chance(8) {
                fate = .gone
                // Another file's packet at the same place, or none.
                if builder.random.chance(50) { bytes = [] } else { bytes[40] ^= 0xFF }
            }
            steps.append((visibleNs, .packet(packet.index, bytes)))
        }
        stream.packets.append(
            TruePacket(
                events: first..<first + UInt64(times.count),
                fate: fate,
                visibleNs: visibleNs,
                discarded: discarded
            )
        )
    }
}
