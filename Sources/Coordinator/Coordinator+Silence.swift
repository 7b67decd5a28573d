import EventMerge
import Feed
import LTTngLive

/// What holds the feed though its relay answers: traces whose metadata does not come, and streams that say nothing.
extension Coordinator {
    /// Traces that have waited too long for their metadata no longer hold the feed. Their packets stay at the relay
    /// until the session is over; should the metadata come before, their events leave then, late.
    mutating func giveUpMetadata(_ link: RelayLink, now: UInt64) {
        guard let dueNs = link.metadataDueNs, now >= dueNs else { return }
        var nextNs: UInt64?
        for trace in link.tracesInOrder where trace.program == nil && trace.fault == nil {
            if trace.isOverdue, link.targetIsGone {
                isolate(trace, link, fault: "the relay did not give its metadata", now: now)
            } else if trace.isOverdue {
                nextNs = now + limits.silenceCheckNs
            } else if now < trace.waitingSinceNs + limits.metadataNsMax {
                nextNs = min(nextNs ?? .max, trace.waitingSinceNs + limits.metadataNsMax)
            } else {
                trace.isOverdue = true
                for stream in trace.streams { isolate(stream) }
                let session = trace.session.listed
                let place = "trace \(trace.declaration.path) of session \(session.hostname)/\(session.name)"
                say(.warning, link, "\(place) has no metadata yet: the feed goes on without it")
                nextNs = now + limits.silenceCheckNs
            }
        }
        link.metadataDueNs = nextNs
    }

    /// A bound of the stream is known.
    mutating func observe(_ boundNs: Int64, _ stream: RelayStream, _ link: RelayLink, now: UInt64) {
        let session = stream.trace.session
        if session.observe(boundNs, isRecent: !stream.isBehindAttach) { startIsKnown(session, link) }
        latestObservedNs = max(latestObservedNs ?? boundNs, boundNs)
        guard boundNs > stream.boundNs else { return }
        stream.boundNs = boundNs
        stream.movedAtNs = now
        let root = link.root
        root.movedAtNs = now
        root.leadNs = max(root.leadNs, boundNs)
        if stream.isSilenced {
            stream.isSilenced = false
            readmit(stream)
        }
    }

    /// Counts a stream again that was left out.
    mutating func readmit(_ stream: RelayStream) {
        guard stream.frontier == nil, !stream.hasEnded, stream.trace.mayCount, !stream.isSilenced else { return }
        stream.frontier = frontier.addStream(stream.trace.session.frontier)
        count(stream, by: 1)
    }

    /// With a grace time, a stream that says nothing while others of its relay go on is left out of the watermark (an
    /// idle CPU of a new tracer behind an old relay says RETRY for ever; a tracer that was cut off leaves its beacons
    /// frozen). Three quarters of the grace time, so that it is out before its relay would be. It counts again with
    /// the first thing that it says.
    mutating func leaveOutSilent(_ link: RelayLink, now: UInt64) {
        guard let graceNs = configuration.stallAfterNs, link.parent != nil else { return }
        let patienceNs = graceNs - graceNs / 4
        let sinceNs = now - min(now, link.silenceCheckedNs)
        guard sinceNs >= limits.silenceCheckNs else { return }
        link.silenceCheckedNs = now
        // A relay that was itself silent has to be heard for as long first.
        if sinceNs > 4 * limits.silenceCheckNs { link.heardSinceNs = now }
        let root = link.root
        guard now - min(now, root.movedAtNs) < patienceNs / 2 else { return }
        for stream in link.streamsInOrder where stream.frontier != nil && stream.index == nil {
            let silentNs = now - min(now, max(stream.movedAtNs, link.heardSinceNs))
            guard silentNs >= patienceNs, stream.boundNs < root.leadNs else { continue }
            leaveOut(stream, link, silentNs: silentNs)
        }
    }

    private mutating func leaveOut(_ stream: RelayStream, _ link: RelayLink, silentNs: UInt64) {
        stream.isSilenced = true
        isolate(stream)
        let session = stream.trace.session.listed
        records.append(
            .holder(
                HolderRecord(
                    relay: link.source.name,
                    host: session.hostname,
                    session: session.name,
                    streamID: stream.declaration.id,
                    heldNs: Int64(clamping: silentNs)
                )
            )
        )
        let place =
            "session \(session.hostname)/\(session.name), stream \(stream.id.rawValue) (\(stream.declaration.channel))"
        say(.warning, link, "\(place) has said nothing for \(silentNs / 1_000_000) ms: the feed goes on without it")
    }
}
