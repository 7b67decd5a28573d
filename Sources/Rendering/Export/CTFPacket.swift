import CTF
import Feed

/// A packet of an exported stream while it is being put together: the header and context of the upstream packet, and
/// behind them the bits of the events that were chosen of it.
///
/// Bits keep their place by the greatest alignment of the stream's events, so that they read as they did. A packet is
/// held until it is closed, since its header says how long it is.
struct CTFPacket {
    let packet: FeedPacket
    private let layout: PreambleLayout
    private(set) var bytes: [UInt8]
    /// The end of what was written, bits from the packet's start.
    private(set) var endBits: UInt64
    private let beginCycles: UInt64
    /// The clock after the last event.
    private(set) var endCycles: UInt64

    /// - Parameter clockCycles: the clock before its first event.
    init(_ packet: FeedPacket, _ layout: PreambleLayout, clockCycles: UInt64) {
        self.packet = packet
        self.layout = layout
        endBits = packet.preamble.firstEventBits
        beginCycles = clockCycles
        endCycles = clockCycles
        bytes = Array(packet.preambleStorage.bytes.prefix(Int(clamping: (endBits + 7) / 8)))
    }

    /// Whether the events would read as they do where they are now.
    /// - Parameter timeCycles: the clock after the first of them.
    func fits(_ slice: EventSlice, timeCycles: UInt64) -> Bool {
        let (from, to) = (start(slice.firstBits), start(endBits))
        let modulus = max(layout.alignmentBits, layout.eventAlignmentBits)
        guard (from ^ to) & (modulus - 1) == 0 else { return false }
        guard endCycles != slice.clockCycles, layout.eventTimeBits < 64 else { return true }
        return timeCycles &- endCycles < 1 << UInt64(layout.eventTimeBits)
    }

    /// Where an event begins that is read at a position.
    private func start(_ positionBits: UInt64) -> UInt64 {
        (positionBits + layout.eventAlignmentBits - 1) & ~(layout.eventAlignmentBits - 1)
    }

    /// Appends events that fit.
    /// - Parameter endCycles: the clock after the last of them.
    mutating func append(_ slice: EventSlice, endCycles: UInt64) {
        let (from, to) = (min(start(slice.firstBits), slice.endBits), start(endBits))
        let source = slice.bytes
        var first = Int(clamping: from / 8 - slice.firstBits / 8)
        while UInt64(bytes.count) * 8 < to { bytes.append(0) }
        // A byte that both have a part of.
        if to % 8 != 0, first < source.count, let last = bytes.last {
            let low = UInt8(1) << UInt8(to % 8) - 1
            let kept = packet.program.traceClass.byteOrder == .littleEndian ? low : ~(0xFF >> UInt8(to % 8))
            bytes[bytes.count - 1] = last & kept | source[first] & ~kept
            first += 1
        }
        bytes.append(contentsOf: source[min(first, source.count)...])
        endBits = to + (slice.endBits - from)
        self.endCycles = endCycles
    }

    /// Whether its end is where its fields can say it is.
    var canEnd: Bool { endBits % 8 == 0 || layout[.contentBits] != nil }

    /// Writes into its header and context what has become of it.
    mutating func close(sequence: UInt64, discarded: UInt64, uuid: TraceUUID?) {
        let totalBits = UInt64(bytes.count) * 8
        for field in layout.fields {
            switch field.meaning {
            case .totalBits: field.write(totalBits, to: &bytes)
            case .contentBits: field.write(layout[.totalBits] == nil ? totalBits : endBits, to: &bytes)
            case .timestampBegin: field.write(beginCycles, to: &bytes)
            case .timestampEnd: field.write(max(beginCycles, endCycles), to: &bytes)
            case .sequenceNumber: field.write(sequence, to: &bytes)
            case .discardedEvents: field.write(discarded, to: &bytes)
            case .magicNumber, .streamClassID, .streamInstanceID: break
            }
        }
        if let uuid { layout.write(uuid, to: &bytes) }
    }
}
