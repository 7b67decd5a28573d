import CTF
import Feed

/// A packet that is put together again of the slices in which its events left.
struct ExportedPacket: Sendable {
    let packet: FeedPacket
    /// From the packet's start to the end of the last slice; empty once it is withheld.
    private(set) var bytes: [UInt8]
    /// Where the next slice has to begin, bits from the packet's start.
    private var endBits: UInt64
    /// Events that have come.
    private(set) var eventCount: UInt64 = 0
    /// Events of the stream before it that the viewer is not shown.
    var withheldBefore: UInt64 = 0
    /// Its number among all packets that the viewer was shown; 0 until it is.
    var servedNumber: UInt64 = 0
    /// The viewer has fetched it, to the end of its content.
    var isFetched = false
    /// Where the viewer finds it in its stream, bytes.
    let offset: UInt64
    /// What its own fields say, cycles and bits: as it was traced, unless the viewer has to see it otherwise.
    private(set) var beginCycles: UInt64
    private(set) var endCycles: UInt64
    private(set) var contentBits: UInt64
    /// With padding, bytes.
    private(set) var byteCount: UInt64
    /// It is not shown: some of it is late, or missing.
    private(set) var isWithheld = false

    init(_ packet: FeedPacket) {
        self.packet = packet
        let preamble = packet.preamble
        endBits = preamble.firstEventBits
        bytes = withExtendedLifetime(packet) { Array(packet.preambleBytes) }
        offset = packet.place.offset
        beginCycles = preamble.timestampBeginCycles ?? 0
        endCycles = preamble.timestampEndCycles ?? preamble.timestampBeginCycles ?? 0
        contentBits = preamble.contentBits ?? preamble.totalBits ?? .max
        byteCount = (preamble.totalBits ?? contentBits) / 8
    }

    /// A packet without events: what a viewer takes that looks at flags only where there is a packet.
    /// - Parameters:
    ///   - model: a packet of the stream; this one has its number, so that none seems to be missing.
    ///   - cycles: where it begins and ends.
    /// - Returns: nil where it cannot be written.
    init?(emptyLike model: FeedPacket, at cycles: UInt64, offset: UInt64) {
        let layout = PacketLayout(model.program.traceClass, streamClassID: model.preamble.streamClassID)
        guard let begin = layout.begin, let end = layout.end, let content = layout.content,
            let total = layout.total, model.preamble.firstEventBits % 8 == 0
        else { return nil }
        packet = model
        self.offset = offset
        endBits = model.preamble.firstEventBits
        bytes = withExtendedLifetime(model) { Array(model.preambleBytes) }
        (beginCycles, endCycles) = (cycles, cycles)
        contentBits = endBits
        byteCount = endBits / 8
        bytes.overwrite(begin, with: cycles)
        bytes.overwrite(end, with: cycles)
        bytes.overwrite(content, with: endBits)
        bytes.overwrite(total, with: endBits)
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
        let layout = PacketLayout(packet.program.traceClass, streamClassID: packet.preamble.streamClassID)
        beginCycles = cycles
        if let place = layout.begin { bytes.overwrite(place, with: cycles) }
        if let uuid, let first = layout.uuidByte { bytes.overwrite(at: first, with: uuid) }
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
