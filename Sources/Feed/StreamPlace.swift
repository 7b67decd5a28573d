package import CTF

/// How far a stream's events have left: by this a coordinator that is started again goes on behind them.
package struct StreamPlace: Sendable, Equatable {
    /// The last packet of which events have left.
    package struct Packet: Sendable, Equatable {
        package var index: FeedPacketIndex
        package var place: PacketPlace
        /// The end of the last event that has left, bits from the packet's start.
        package var endBits: UInt64
        package var correction: TimeCorrection

        /// Whether all its events have left.
        package var isWhole: Bool { index.contentBits.map { endBits >= $0 } ?? true }
    }

    package var packet: Packet?
    /// Up to which packet losses have been said.
    package var said: PacketPlace?
    /// Losses of packets that have been said behind the last packet.
    package var lost: [LostPackets] = []

    package struct LostPackets: Sendable, Equatable {
        /// By which packet it showed.
        package var packet: PacketPlace
        package var count: UInt64
        /// It is that packet itself: it must not come after all.
        package var isPacketItself: Bool
    }

    package init(packet: Packet? = nil, said: PacketPlace? = nil) {
        self.packet = packet
        self.said = said
    }

    /// How many losses are kept, the newest.
    private static let lostMax = 1024

    /// Something is lost, which showed by a packet.
    mutating func lose(_ loss: LossRecord, at place: PacketPlace) {
        if loss.unit == .packets, let count = loss.count {
            if lost.count == Self.lostMax { lost.removeFirst() }
            lost.append(LostPackets(packet: place, count: count, isPacketItself: loss.cause == .delivery))
        }
        if let said, !place.isAfter(said) { return }
        said = place
    }

    /// Events of another packet leave.
    mutating func begin(_ packet: Packet) {
        self.packet = packet
        if !lost.isEmpty { lost.removeAll { !$0.packet.isAfter(packet.place) } }
    }
}

/// The greatest numbers that a feed has used.
package struct FeedNumbers: Sendable, Equatable {
    package var traceID: UInt64 = 0
    package var streamID: UInt64 = 0
    package var packetID: UInt64 = 0

    package init() {}
}
