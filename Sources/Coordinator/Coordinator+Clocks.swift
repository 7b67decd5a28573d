import CTF
import EventMerge
import Feed
import LTTngLive

/// How the hosts' clocks stand: watched by the arrival of beacons and packet ends, told in the feed.
extension Coordinator {
    /// What our wall clock says: `now` plus this are nanoseconds since the Unix epoch. Told at the start, and whenever
    /// it has changed; without it clocks are watched, and nothing is said of them.
    ///
    /// Clocks are watched by `now`, so that a change of ours is not taken for a step of theirs.
    package mutating func wallClock(offsetNs: Int64) {
        wallOffsetNs = offsetNs
    }

    // MARK: Watching

    /// The trace's clock; nil where it has none that counts from the Unix epoch, or its metadata has not come.
    mutating func traceClock(_ trace: RelayTrace, _ link: RelayLink, now: UInt64) -> TraceClock? {
        if let known = trace.clock { return known }
        guard let program = trace.program, trace.fault == nil, !trace.hasNoClock else { return nil }
        let clocks = program.traceClass.clocks
        // Of several clocks it is not known which one is the host's.
        guard clocks.count == 1, let found = clocks.first, found.originIsUnixEpoch, found.frequencyHz > 0 else {
            trace.hasNoClock = true
            return nil
        }
        let key = HostClock.Key(
            host: trace.session.listed.hostname,
            uuid: found.uuid,
            frequencyHz: found.frequencyHz,
            sessionID: found.uuid == nil ? trace.session.id.rawValue : nil
        )
        let baseNs = ClockConversion(found).nanoseconds(0)
        let root = link.root
        if root.hostClocks[key] == nil {
            guard root.hostClocks.count < limits.hostClocksMax else {
                trace.hasNoClock = true
                return nil
            }
            nextClockNumber += 1
            let clock = HostClock(
                key: key,
                number: nextClockNumber,
                relay: link.source.name,
                baseNs: baseNs,
                foundNs: now
            )
            restore(clock, trace, link)
            root.hostClocks[key] = clock
        }
        let traceClock = root.hostClocks[key].map { TraceClock(clock: $0, baseNs: baseNs) }
        trace.clock = traceClock
        if let traceClock {
            traceClock.clock.greatestOffsetNs = max(traceClock.clock.greatestOffsetNs, traceClock.offsetNs)
        }
        return traceClock
    }

    /// A beacon has arrived: it was read from the host's clock before.
    mutating func watchBeacon(
        _ cycles: UInt64,
        streamClassID: UInt64,
        _ stream: RelayStream,
        _ link: RelayLink,
        now: UInt64
    ) {
        watchArrival(of: stream, link)
        guard let clock = traceClock(stream.trace, link, now: now),
            let rawNs = rawTimestamp(cycles, streamClassID: streamClassID, of: stream)
        else { return }
        let clockNs = clock.clockNs(rawNs)
        stream.passedNs = max(stream.passedNs ?? clockNs, clockNs)
        clock.clock.arrivals.sample(clockNs: clockNs, arrivalNs: Int64(clamping: now), isCurrent: true)
    }

    /// An index has arrived: its packet's end was read from the host's clock before. Whether it had waited at the relay
    /// is known when the relay has nothing behind it.
    mutating func watchIndex(_ index: PacketIndex, _ stream: RelayStream, _ link: RelayLink, now: UInt64) {
        guard let clock = traceClock(stream.trace, link, now: now),
            let rawNs = rawTimestamp(index.timestampEnd, streamClassID: index.streamClassID, of: stream)
        else { return }
        let arrival = (clockNs: clock.clockNs(rawNs), atNs: Int64(clamping: now))
        clock.clock.arrivals.sample(clockNs: arrival.clockNs, arrivalNs: arrival.atNs, isCurrent: false)
        stream.lastArrival = arrival
        stream.passedNs = max(stream.passedNs ?? arrival.clockNs, arrival.clockNs)
    }

    /// The relay has nothing more of the stream for now: its last packet had not waited for another.
    func watchArrival(of stream: RelayStream, _ link: RelayLink) {
        guard let arrival = stream.lastArrival else { return }
        stream.lastArrival = nil
        stream.trace.clock?.clock.arrivals.sample(
            clockNs: arrival.clockNs,
            arrivalNs: arrival.atNs,
            isCurrent: true
        )
    }
}
