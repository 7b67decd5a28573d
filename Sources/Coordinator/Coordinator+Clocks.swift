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
    func traceClock(_ trace: RelayTrace, _ link: RelayLink, now: UInt64) -> TraceClock? {
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
        if root.hostClocks[key] == nil, root.hostClocks.count >= limits.hostClocksMax {
            trace.hasNoClock = true
            return nil
        }
        let clock = root.hostClocks[key] ?? HostClock(key: key, baseNs: baseNs, foundNs: now)
        root.hostClocks[key] = clock
        let traceClock = TraceClock(clock: clock, baseNs: baseNs)
        trace.clock = traceClock
        return traceClock
    }

    /// A beacon has arrived: it was read from the host's clock before.
    func watchBeacon(_ cycles: UInt64, streamClassID: UInt64, _ stream: RelayStream, _ link: RelayLink, now: UInt64) {
        watchArrival(of: stream, link)
        guard let clock = traceClock(stream.trace, link, now: now),
            let rawNs = rawTimestamp(cycles, streamClassID: streamClassID, of: stream)
        else { return }
        clock.clock.arrivals.sample(
            clockNs: clock.clockNs(rawNs),
            arrivalNs: Int64(clamping: now),
            isCurrent: true
        )
    }

    /// An index has arrived: its packet's end was read from the host's clock before. Whether it had waited at the relay
    /// is known when the relay has nothing behind it.
    func watchIndex(_ index: PacketIndex, _ stream: RelayStream, _ link: RelayLink, now: UInt64) {
        guard let clock = traceClock(stream.trace, link, now: now),
            let rawNs = rawTimestamp(index.timestampEnd, streamClassID: index.streamClassID, of: stream)
        else { return }
        let arrival = (clockNs: clock.clockNs(rawNs), atNs: Int64(clamping: now))
        clock.clock.arrivals.sample(clockNs: arrival.clockNs, arrivalNs: arrival.atNs, isCurrent: false)
        stream.lastArrival = arrival
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

    // MARK: Telling

    /// Says how clocks stand, where that is news.
    mutating func tellClocks(now: UInt64) {
        guard now >= clocksDueNs else { return }
        clocksDueNs = now + limits.clockCheckNs
        for link in links where link.isLister && !link.hostClocks.isEmpty { tellClocks(link, now: now) }
    }

    private mutating func tellClocks(_ link: RelayLink, now: UInt64) {
        let offsets = offsets(link)
        let nowNs = Int64(clamping: now)
        for (key, clock) in link.hostClocks.sorted(by: { $0.value.foundNs < $1.value.foundNs }) {
            let range = offsets[ObjectIdentifier(clock)]
            clock.arrivals.advance(to: nowNs)
            tell(clock, range, link, nowNs: nowNs)
            if range == nil { link.hostClocks[key] = nil }
        }
    }

    /// Of the clocks that traces have: the least and the greatest offset of these.
    private func offsets(_ link: RelayLink) -> [ObjectIdentifier: ClosedRange<Int64>] {
        var ranges: [ObjectIdentifier: ClosedRange<Int64>] = [:]
        func add(_ trace: RelayTrace) {
            guard let clock = trace.clock else { return }
            let id = ObjectIdentifier(clock.clock)
            let known = ranges[id] ?? clock.offsetNs...clock.offsetNs
            ranges[id] = min(known.lowerBound, clock.offsetNs)...max(known.upperBound, clock.offsetNs)
        }
        for child in link.children {
            for trace in child.traces.values { add(trace) }
            for session in [child.session, child.parked] { session?.parkedTraces.forEach(add) }
        }
        return ranges
    }

    private mutating func tell(
        _ clock: HostClock,
        _ offsets: ClosedRange<Int64>?,
        _ link: RelayLink,
        nowNs: Int64
    ) {
        guard let wallOffsetNs else { return }
        var estimate = ClockEstimate(quality: .absent)
        if let offsets, let leadNs = clock.arrivals.leadNs(nowNs: nowNs) {
            let lowerNs = leadNs.subtractingSaturating(wallOffsetNs).addingSaturating(offsets.lowerBound)
            estimate = ClockEstimate(quality: .oneSided, lowerNs: lowerNs, drift: clock.arrivals.drift)
        }
        // The first beacons say little of how long the way is at least.
        let watchedNs = nowNs.subtractingSaturating(Int64(clamping: clock.foundNs))
        guard watchedNs >= 2 * ArrivalWatch.bucketNs || estimate.quality == .absent else { return }
        let step = clock.arrivals.takeStep()
        guard clock.news.isNews(estimate, hasStepped: step != nil, nowNs: nowNs) else { return }
        var report = ClockReport(
            relay: link.source.name,
            host: clock.key.host,
            clock: clock.key.uuid?.description ?? "",
            quality: ClockQuality(estimate.quality)
        )
        report.lowerNs = estimate.lowerNs
        report.driftPpb = estimate.drift?.ppb
        report.driftErrorPpb = estimate.drift?.errorPpb.magnitude ?? 0
        report.stepNs = step?.stepNs
        report.stepErrorNs = step?.errorNs.magnitude ?? 0
        report.correctionNs = link.source.correctionNs
        report.spreadNs = offsets.map { $0.upperBound.subtractingSaturating($0.lowerBound).magnitude } ?? 0
        records.append(.clock(report))
        log(report, link)
    }

    private mutating func log(_ report: ClockReport, _ link: RelayLink) {
        if let stepNs = report.stepNs {
            let errorMs = report.stepErrorNs / 1_000_000
            say(
                .warning,
                link,
                "the clock of host \(report.host) has jumped by \(stepNs / 1_000_000) ms, give or take \(errorMs) ms"
            )
        }
        if report.quality == .oneSided, let lowerNs = report.lowerNs, lowerNs >= 1_000_000 {
            say(
                .warning,
                link,
                "the clock of host \(report.host) is at least \(lowerNs / 1_000_000) ms ahead of ours"
            )
        }
    }
}

extension ClockQuality {
    init(_ quality: SyncQuality) {
        self =
            switch quality {
            case .absent: .absent
            case .oneSided: .oneSided
            case .approximate: .approximate
            case .accurate: .accurate
            case .failed: .failed
            }
    }
}
