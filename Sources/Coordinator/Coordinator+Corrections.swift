import CTF
import EventMerge
import Feed
import LTTngLive

/// Correcting timestamps: by a fixed amount where the configuration says so, by measurement where it says that.
extension Coordinator {
    /// How the times of a trace are corrected.
    /// - Parameter rawNs: the latest time that is about to be; nothing up to it will be corrected otherwise later.
    func correction(of trace: RelayTrace, _ link: RelayLink, upToNs rawNs: Int64) -> TimeCorrection {
        let fixed = TimeCorrection(offsetNs: link.source.correctionNs)
        guard link.source.correctsClocks, let clock = trace.clock else { return fixed }
        clock.clock.correctedNs = max(clock.clock.correctedNs, clock.clockNs(rawNs))
        let measured = clock.clock.correction
        let changing = TimeCorrection(
            offsetNs: measured.fromNs,
            beginNs: measured.beginNs.addingSaturating(clock.offsetNs),
            endNs: measured.endNs.addingSaturating(clock.offsetNs),
            endOffsetNs: measured.toNs
        )
        return (changing ?? TimeCorrection(offsetNs: measured.toNs)).adding(link.source.correctionNs)
    }

    /// How the times of the packet of an index are corrected: by a constant amount wherever that is all.
    func correction(of index: PacketIndex, _ stream: RelayStream, _ link: RelayLink) -> TimeCorrection {
        guard link.source.correctsClocks,
            let beginNs = rawTimestamp(index.timestampBegin, streamClassID: index.streamClassID, of: stream),
            let endNs = rawTimestamp(index.timestampEnd, streamClassID: index.streamClassID, of: stream)
        else { return TimeCorrection(offsetNs: link.source.correctionNs) }
        let correction = correction(of: stream.trace, link, upToNs: endNs)
        if endNs <= correction.beginNs { return TimeCorrection(offsetNs: correction.offsetNs) }
        if beginNs >= correction.endNs { return TimeCorrection(offsetNs: correction.endOffsetNs) }
        return correction
    }

    /// Turns a clock's correction toward what has been measured, where that is certain enough to say that it is off.
    /// - Returns: whether it changes.
    func correct(
        _ clock: HostClock,
        _ link: RelayLink,
        by standing: ClockNetwork.Standing,
        against reference: HostClock,
        of referenceLink: RelayLink
    ) -> Bool {
        guard link.source.correctsClocks, standing.estimate.quality != .failed,
            let lowerNs = standing.estimate.lowerNs, let upperNs = standing.estimate.upperNs,
            let middleNs = standing.estimate.middleNs
        else { return false }
        let targetNs = referenceLink.source.correctionNs.addingSaturating(reference.correction.toNs)
            .subtractingSaturating(link.source.correctionNs).subtractingSaturating(middleNs)
        let offNs = targetNs.subtractingSaturating(clock.correction.toNs).magnitude
        guard offNs > max(upperNs.subtractingSaturating(lowerNs).magnitude / 4, ClockNews.twoSidedNs.magnitude) else {
            return false
        }
        return clock.correction.aim(
            at: targetNs,
            correctedNs: clock.correctedNs,
            passedNs: passedNs(clock, link)
        )
    }

    /// What all streams have passed that are read by a clock; those that have said nothing yet do not count.
    private func passedNs(_ clock: HostClock, _ link: RelayLink) -> Int64 {
        var least = Int64.max
        func look(_ stream: RelayStream) {
            guard stream.trace.clock?.clock === clock, !stream.hasEnded, let passedNs = stream.passedNs else { return }
            least = min(least, passedNs)
        }
        for child in link.children {
            for stream in child.streams.values { look(stream) }
            for session in [child.session, child.parked] { session?.parkedStreams.forEach(look) }
        }
        return least
    }
}
