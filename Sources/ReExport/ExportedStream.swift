import CTF
import Feed
import LTTngLive

/// A stream as a viewer is shown it.
struct ExportedStream: Sendable {
    let stream: FeedStream
    let session: SessionIdentity
    var isAnnounced = false
    /// No event comes any more.
    var hasEnded = false
    /// The class and the correction of its last packet; nil before the first.
    var known: (classID: UInt64, correction: TimeCorrection)?
    /// How its clock reads; nil without clock, or before it is known.
    var clock: ClockConversion?
    /// What is kept of it. Changed by way of `ReExport.change`, which counts.
    var packets = KeptPackets()
    /// A packet of it that the viewer has not been shown.
    var model: FeedPacket?
    /// The last packet that it was shown, and where the last ended, one without events too, cycles.
    var shown: (packet: FeedPacket, endCycles: UInt64)?
    /// What the last packet's index added to the discarded events.
    var shownWithheld: UInt64 = 0
    /// How often in a row a reply about it has said in vain that there are new streams.
    var unheededFlags = 0
    /// What the viewer had been told when the stream came: none of its events is older, nanoseconds of the feed.
    var floorNs: Int64?
    /// What the viewer was promised: nothing before this time comes any more, cycles.
    var promisedCycles: UInt64 = 0
    /// Events that it is not shown, and that count as discarded.
    var withheldEvents: UInt64 = 0

    init(_ stream: FeedStream, session: SessionIdentity) {
        self.stream = stream
        self.session = session
    }

    /// A time of the feed as this stream's clock tells it: the last value of which all events at or behind that time
    /// are certain to be later. Nil where the clock is not known.
    func cycles(before ns: Int64) -> UInt64? {
        guard let clock, let known else { return nil }
        let correctionNs = max(known.correction.offsetNs, known.correction.endOffsetNs)
        let (rawNs, overflow) = ns.subtractingReportingOverflow(correctionNs)
        return overflow || rawNs == .min ? 0 : clock.cycles(atOrBefore: rawNs - 1)
    }

    /// A time of this stream's clock as the feed tells it at the latest, nanoseconds.
    func feedNs(_ cycles: UInt64) -> Int64? {
        guard let clock, let known else { return nil }
        let correctionNs = max(known.correction.offsetNs, known.correction.endOffsetNs)
        let (ns, overflow) = clock.nanoseconds(cycles).addingReportingOverflow(correctionNs)
        return overflow ? nil : ns
    }

    /// Before which time no packet can begin that was not asked for, cycles; nil where nothing is known of one.
    var nextBeginCycles: UInt64? { (packets.ready.first ?? packets.open)?.beginCycles }
}

extension LiveStreamID {
    /// The numbers of data streams are odd, those of metadata streams even: both are unique in the feed, and the same
    /// on each connection.
    init(stream id: UInt64) {
        self.init(id &* 2 &+ 1)
    }

    init(metadataOf trace: UInt64) {
        self.init(trace &* 2)
    }
}
