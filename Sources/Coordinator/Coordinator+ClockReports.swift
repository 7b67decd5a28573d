import CTF
import EventMerge
import Feed

/// Says how the hosts' clocks stand: against the coordinator's by arrivals, against each other by messages.
extension Coordinator {
    /// The least and the greatest offset of a clock's traces, nanoseconds, by the clock's number.
    private typealias Offsets = [Int: ClosedRange<Int64>]

    /// Says what is news.
    mutating func tellClocks(now: UInt64) {
        guard now >= clocksDueNs else { return }
        clocksDueNs = now + limits.clockCheckNs
        let nowNs = Int64(clamping: now)
        var offsets: Offsets = [:]
        for link in links where link.isLister && !link.hostClocks.isEmpty { addOffsets(link, to: &offsets) }
        for link in links where link.isLister && !link.hostClocks.isEmpty {
            for clock in link.clocksInOrder {
                clock.arrivals.advance(to: nowNs)
                tellArrivals(clock, offsets[clock.number], link, nowNs: nowNs)
            }
        }
        if !configuration.messages.isEmpty { tellMessages(offsets, nowNs: nowNs) }
        for link in links where link.isLister && !link.hostClocks.isEmpty {
            for (key, clock) in link.hostClocks where offsets[clock.number] == nil {
                network.remove(clock.number)
                link.hostClocks[key] = nil
            }
        }
    }

    private func addOffsets(_ link: RelayLink, to offsets: inout Offsets) {
        func add(_ trace: RelayTrace) {
            guard let clock = trace.clock else { return }
            let known = offsets[clock.clock.number] ?? clock.offsetNs...clock.offsetNs
            offsets[clock.clock.number] =
                min(known.lowerBound, clock.offsetNs)...max(known.upperBound, clock.offsetNs)
        }
        for child in link.children {
            for trace in child.traces.values { add(trace) }
            for session in [child.session, child.parked] { session?.parkedTraces.forEach(add) }
        }
    }

    // MARK: Arrivals

    private mutating func tellArrivals(
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
        tell(clock, estimate, against: nil, offsets: offsets, step: step, link)
    }

    // MARK: Messages

    private mutating func tellMessages(_ offsets: Offsets, nowNs: Int64) {
        let relays = links.filter(\.isLister)
        let clocks = relays.flatMap { link in link.clocksInOrder.map { (link: link, clock: $0) } }
        let byNumber = Dictionary(uniqueKeysWithValues: clocks.map { ($0.clock.number, $0.clock) })
        let relayOf = Dictionary(uniqueKeysWithValues: clocks.map { ($0.clock.number, $0.link) })
        let standings = network.standings(order: clocks.map(\.clock.number))
        for (link, clock) in clocks {
            // A clock that no trace has any more is compared with none.
            let standing = standings[clock.number].flatMap { standing in
                offsets[clock.number] != nil && offsets[standing.reference] != nil ? standing : nil
            }
            let reference = standing.flatMap { byNumber[$0.reference] }
            if let told = clock.toldReference, told !== reference {
                clock.toldReference = nil
                clock.measuredNews = ClockNews()
                tell(clock, ClockEstimate(quality: .absent), against: told, offsets: nil, step: nil, link)
            }
            guard var estimate = standing?.estimate, let reference, let own = offsets[clock.number],
                let others = offsets[reference.number]
            else { continue }
            // For all traces of either.
            estimate.lowerNs = estimate.lowerNs?.addingSaturating(own.lowerBound)
                .subtractingSaturating(others.upperBound)
            estimate.upperNs = estimate.upperNs?.addingSaturating(own.upperBound)
                .subtractingSaturating(others.lowerBound)
            let isCorrected =
                standing.map {
                    correct(clock, link, by: $0, against: reference, of: relayOf[reference.number] ?? link)
                } ?? false
            // Each change of a correction is told.
            guard clock.measuredNews.isNews(estimate, hasStepped: isCorrected, nowNs: nowNs) else { continue }
            clock.toldReference = reference
            tell(clock, estimate, against: reference, offsets: own, step: nil, link)
        }
    }

    // MARK: Records

    private mutating func tell(
        _ clock: HostClock,
        _ estimate: ClockEstimate,
        against reference: HostClock?,
        offsets: ClosedRange<Int64>?,
        step: ClockStep?,
        _ link: RelayLink
    ) {
        var report = ClockReport(
            relay: clock.relay,
            host: clock.key.host,
            clock: clock.key.uuid?.description ?? "",
            referenceRelay: reference?.relay ?? "",
            referenceHost: reference?.key.host ?? "",
            quality: estimate.quality.told
        )
        report.lowerNs = estimate.lowerNs
        report.upperNs = estimate.upperNs
        report.driftPpb = estimate.drift?.ppb
        report.driftErrorPpb = estimate.drift?.errorPpb.magnitude ?? 0
        report.stepNs = step?.stepNs
        report.stepErrorNs = step?.errorNs.magnitude ?? 0
        report.correctionNs = link.source.correctionNs.addingSaturating(clock.correction.toNs)
        report.spreadNs = offsets.map { $0.upperBound.subtractingSaturating($0.lowerBound).magnitude } ?? 0
        records.append(.clock(report))
        log(report, link)
    }

    private mutating func log(_ report: ClockReport, _ link: RelayLink) {
        if let stepNs = report.stepNs {
            let errorMs = report.stepErrorNs / 1_000_000
            let text = "has jumped by \(stepNs / 1_000_000) ms, give or take \(errorMs) ms"
            say(.warning, link, "the clock of host \(report.host) \(text)")
        }
        if report.isAgainstCoordinator {
            guard let lowerNs = report.lowerNs, lowerNs >= 1_000_000 else { return }
            let text = "is at least \(lowerNs / 1_000_000) ms ahead of ours"
            say(.warning, link, "the clock of host \(report.host) \(text)")
        } else if let lowerNs = report.lowerNs, let upperNs = report.upperNs {
            let text = "is \(lowerNs / 1_000) to \(upperNs / 1_000) us ahead of that of \(report.referenceHost)"
            say(.info, link, "the clock of host \(report.host) \(text) (\(report.quality))")
        }
    }
}

extension RelayLink {
    /// A lister's clocks, in the order in which they were found.
    fileprivate var clocksInOrder: [HostClock] { hostClocks.values.sorted { $0.number < $1.number } }
}

extension SyncQuality {
    fileprivate var told: ClockQuality {
        switch self {
        case .absent: .absent
        case .oneSided: .oneSided
        case .approximate: .approximate
        case .accurate: .accurate
        case .failed: .failed
        }
    }
}
