import Feed

/// What one stream's packets say of what is missing between them.
///
/// A packet carries a counter of events discarded so far and, where the tracer numbers its packets, a number. What
/// grew or was jumped over since the last packet is lost, in the span between their ends.
struct LossAccount {
    /// Something that was lost.
    struct Loss: Equatable {
        enum Cause: Equatable {
            /// Events that the tracer discarded.
            case discardedEvents
            /// Packets that were overwritten or cleared before they were read.
            case missingPackets
        }

        var cause: Cause
        var count: UInt64
        /// End of the packet before, or the beacon since, cycles; nil for the first packet.
        var sinceCycles: UInt64?
    }

    /// Packet end of the last packet taken notice of, cycles.
    private(set) var lastEndCycles: UInt64?
    /// The last beacon, cycles: what is missing by the next packet is behind it.
    private var lastBeaconCycles: UInt64?
    private var lastSequenceNumber: UInt64?
    /// Packets since `lastSequenceNumber` that were not read: without events, or said to be lost already.
    private var skippedPackets: UInt64 = 0
    /// Nil until the first packet, where reading began in the middle of a stream.
    private(set) var lastDiscarded: UInt64?
    /// What has been said before the coordinator was started again, ahead of what is read: how many events were
    /// discarded, and which packets were lost.
    private var saidDiscarded: UInt64 = 0
    private var saidLost: [StreamPlace.LostPackets] = []

    /// The number that the next packet has if none is missing; nil where packets have none.
    var nextSequenceNumber: UInt64? {
        guard let last = lastSequenceNumber else { return nil }
        let (step, stepOverflow) = skippedPackets.addingReportingOverflow(1)
        let (next, overflow) = last.addingReportingOverflow(step)
        return stepOverflow || overflow ? nil : next
    }

    /// Goes on where a log ends.
    init(_ place: StreamPlace, startsAtBeginning: Bool) {
        lastEndCycles = place.packet?.place.endCycles
        lastSequenceNumber = place.packet?.index.sequenceNumber
        lastDiscarded = place.packet == nil ? (startsAtBeginning ? 0 : nil) : place.packet?.index.discardedEvents
        saidDiscarded = place.said?.discardedEvents ?? 0
        saidLost = place.lost
    }

    /// A packet that is said to be lost itself comes once more, and is passed by.
    /// - Returns: whether it is one.
    mutating func passLost(_ packet: PacketPlace) -> Bool {
        guard let index = saidLost.firstIndex(where: { $0.isPacketItself && $0.packet.isSame(as: packet) }) else {
            return false
        }
        saidLost.remove(at: index)
        return true
    }

    /// - Parameter startsAtBeginning: whether the first packet is the stream's first: then its counter starts from 0.
    init(startsAtBeginning: Bool) {
        lastDiscarded = startsAtBeginning ? 0 : nil
    }

    /// The stream has promised that no event before these cycles will come.
    mutating func promised(cycles: UInt64) {
        lastBeaconCycles = max(lastBeaconCycles ?? 0, cycles)
    }

    /// Where the span of a loss begins, cycles.
    private var sinceCycles: UInt64? {
        guard let lastEndCycles else { return lastBeaconCycles }
        return max(lastEndCycles, lastBeaconCycles ?? 0)
    }

    /// A packet whose header is not read: only its index is known. Either it has no events, or its loss is said.
    mutating func skipped(endCycles: UInt64?, discarded: UInt64?) -> [Loss] {
        let (next, overflow) = skippedPackets.addingReportingOverflow(1)
        skippedPackets = overflow ? .max : next
        return counted(endCycles: endCycles, discarded: discarded)
    }

    /// A packet that has been read.
    /// - Parameter packet: which one it is, of a live stream.
    mutating func read(
        sequenceNumber: UInt64?,
        endCycles: UInt64?,
        discarded: UInt64?,
        packet: PacketPlace? = nil
    ) -> [Loss] {
        var losses: [Loss] = []
        if let sequenceNumber {
            if let expected = nextSequenceNumber, sequenceNumber > expected {
                let missing = sequenceNumber - expected
                let said = packet.map { saidLost(upTo: $0) } ?? 0
                if missing > said {
                    losses.append(Loss(cause: .missingPackets, count: missing - said, sinceCycles: sinceCycles))
                }
            }
            lastSequenceNumber = sequenceNumber
            skippedPackets = 0
        }
        return losses + counted(endCycles: endCycles, discarded: discarded)
    }

    /// How many packets have been said to be lost by those up to `packet`: once.
    private mutating func saidLost(upTo packet: PacketPlace) -> UInt64 {
        let count = saidLost.reduce(0) { $0 &+ ($1.packet.isAfter(packet) ? 0 : $1.count) }
        saidLost.removeAll { !$0.packet.isAfter(packet) }
        return count
    }

    private mutating func counted(endCycles: UInt64?, discarded: UInt64?) -> [Loss] {
        defer {
            lastEndCycles = endCycles ?? lastEndCycles
            lastDiscarded = discarded ?? lastDiscarded
        }
        // A counter that goes back is a tracer's bug, not a wrap.
        guard let discarded, let last = lastDiscarded, case let before = max(last, saidDiscarded), discarded > before
        else { return [] }
        return [Loss(cause: .discardedEvents, count: discarded - before, sinceCycles: sinceCycles)]
    }
}
