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
    /// The class of its packets; nil before the first.
    var classID: UInt64?
    /// What may be added to its times; nil before its first packet.
    var correction: CorrectionBound?
    /// Which clock it has; nil before it is known.
    var correctedClock: CorrectedClock?
    /// How its clock reads; nil without clock, or before it is known.
    var clock: ClockConversion?
    /// What is kept of it. Changed by way of `ReExport.change`, which counts.
    var packets = KeptPackets()
    /// Of its last packet, shown or not; nil before the first.
    var head: PacketHead?
    /// Of the last packet that the viewer was shown, one without events too.
    var shown: PacketHead?
    /// What the last packet's index added to the discarded events.
    var shownWithheld: UInt64 = 0
    /// How often in a row a reply about it has said in vain that there are new streams.
    var unheededFlags = 0
    /// What the viewer had been told before the stream's first packet came, or before it attached the stream's session:
    /// no event that it gets of it is older, nanoseconds of the feed. What it is told between that and the announcement
    /// may be newer: it knows of new streams by then, and looks at them before it goes on.
    var floorNs: Int64?
    /// What the viewer was promised: nothing before this time comes any more, cycles.
    var promisedCycles: UInt64 = 0
    /// By how much less its beacons promise than is known, cycles: no two streams say the same time, since babeltrace2
    /// warns where it has to choose between two equal messages.
    var beaconLagCycles: UInt64 = 0
    /// Events that it is not shown, and that count as discarded.
    var withheldEvents: UInt64 = 0
    /// Packets that are lost or withheld, and by which packets that will show.
    var missing = MissingPackets()

    init(_ stream: FeedStream, session: SessionIdentity) {
        self.stream = stream
        self.session = session
    }

    /// A time of the feed as this stream's clock tells it: the last value of which all events at or behind that time
    /// are certain to be later. Nil where the clock is not known.
    func cycles(before ns: Int64) -> UInt64? {
        guard let clock, let correction else { return nil }
        let (rawNs, overflow) = ns.subtractingReportingOverflow(correction.mostNs)
        // A time that no clock can tell promises nothing.
        return overflow || rawNs == .min ? 0 : clock.cycles(atOrBefore: rawNs - 1)
    }

    /// When a packet of this stream ends, as the feed tells time, nanoseconds.
    func endNs(_ packet: ExportedPacket) -> Int64? {
        clock.map { packet.correction.corrected($0.nanoseconds(packet.endCycles)) }
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
