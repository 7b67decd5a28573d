import CTF
import Feed

/// A packet that is put together again of the slices in which its events left.
struct ExportedPacket: Sendable {
    /// Of the packet in the feed; nil where it has none.
    let id: UInt64?
    /// Which one it is of its stream.
    let place: PacketPlace
    let head: PacketHead
    /// As the feed corrects its times.
    let correction: TimeCorrection
    /// From the packet's start to the end of the last slice; empty once it is withheld.
    private(set) var bytes: [UInt8]
    /// Where the next slice has to begin, bits from the packet's start.
    private var endBits: UInt64
    /// Events that have come.
    private(set) var eventCount: UInt64 = 0
    /// Events of the stream before it that the viewer is not shown.
    var withheldBefore: UInt64 = 0
    /// Packets between it and the one that is shown before it: lost, or not shown.
    var missingBefore: UInt64 = 0
    /// Its number among all packets that the viewer was shown; 0 until it is.
    var servedNumber: UInt64 = 0
    /// The viewer has fetched it, to the end of its content.
    var isFetched = false
    /// Where the viewer finds it in its stream, bytes.
    var offset: UInt64 { place.offset }
    /// What its own fields say, cycles and bits: as it was traced, unless the viewer has to see it otherwise.
    private(set) var beginCycles: UInt64
    let endCycles: UInt64
    let contentBits: UInt64
    /// With padding, bytes.
    let byteCount: UInt64
    /// It is not shown: some of it is late, or missing.
    private(set) var isWithheld = false

    /// - Parameter head: of the packet.
    init(_ packet: FeedPacket, head: PacketHead) {
        id = packet.id
        self.head = head
        correction = packet.correction
        let preamble = packet.preamble
        endBits = preamble.firstEventBits
        bytes = head.bytes
        place = packet.place
        beginCycles = preamble.timestampBeginCycles ?? 0
        endCycles = preamble.timestampEndCycles ?? preamble.timestampBeginCycles ?? 0
        contentBits = preamble.contentBits ?? preamble.totalBits ?? .max
        byteCount = (preamble.totalBits ?? contentBits) / 8
    }

    /// A packet without events, which the feed does not have.
    /// - Parameter cycles: where it begins and ends.
    init(empty head: PacketHead, at cycles: UInt64, offset: UInt64) {
        id = nil
        self.head = head
        correction = .none
        place = PacketPlace(endCycles: cycles, offset: offset)
        endBits = head.firstEventBits
        bytes = head.bytes
        (beginCycles, endCycles) = (cycles, cycles)
        contentBits = endBits
        byteCount = endBits / 8
    }

    /// A slice that does not follow the last one has it withheld.
    mutating func append(_ slice: EventSlice) {
        eventCount += UInt64(slice.eventCount)
        guard !isWithheld else { return }
        let first = Int(clamping: slice.firstBits / 8)
        let count = Int(clamping: slice.endBits / 8 + (slice.endBits % 8 == 0 ? 0 : 1)) - first
        // Two slices share the byte in which one ends and the next begins.
        let shared = bytes.count - first
        guard slice.firstBits == endBits, shared == 0 || shared == 1, count >= shared,
            slice.storageOffset + count <= slice.storage.capacity
        else { return withhold() }
        endBits = slice.endBits
        withExtendedLifetime(slice.storage) {
            let start = slice.storageOffset
            bytes.append(contentsOf: slice.storage.bytes[(start + shared)..<(start + count)])
        }
    }

    /// Changes what the viewer must see otherwise.
    /// - Parameters:
    ///   - cycles: `timestamp_begin`: a viewer takes no packet that begins before what it was told of its stream. The
    ///     first packet of a stream begins with its buffer, before anybody knows of the stream.
    ///   - uuid: in the header, in place of a UUID that another trace has as well.
    mutating func show(beginCycles cycles: UInt64, uuid: TraceUUID?) {
        beginCycles = cycles
        guard let layout = head.layout else { return }
        layout[.timestampBegin]?.write(cycles, to: &bytes)
        if let uuid { layout.write(uuid, to: &bytes) }
    }

    /// It will not be shown: its bytes are let go of.
    mutating func withhold() {
        isWithheld = true
        bytes = []
    }

    /// What it costs to keep, bytes, about.
    var keptBytes: Int { bytes.isEmpty ? 0 : Self.overheadBytes + bytes.count }

    /// Of that, what is known of it besides its bytes: many packets are shorter.
    static let overheadBytes = 512

    /// Whether all of its content has come.
    var isComplete: Bool { endBits >= contentBits }
}
