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
    /// It is not shown: some of it is late, or missing.
    private(set) var isWithheld = false

    init(_ packet: FeedPacket) {
        self.packet = packet
        endBits = packet.preamble.firstEventBits
        bytes = withExtendedLifetime(packet) { Array(packet.preambleBytes) }
    }

    /// - Returns: bytes that it has grown by.
    mutating func append(_ slice: EventSlice) -> Int {
        eventCount += UInt64(slice.eventCount)
        guard !isWithheld else { return 0 }
        let first = Int(clamping: slice.firstBits / 8)
        let count = Int(clamping: slice.endBits / 8 + (slice.endBits % 8 == 0 ? 0 : 1)) - first
        // Two slices share the byte in which one ends and the next begins.
        let shared = bytes.count - first
        guard slice.firstBits == endBits, shared == 0 || shared == 1, count >= shared,
            slice.storageOffset + count <= slice.storage.capacity
        else {
            isWithheld = true
            return 0
        }
        endBits = slice.endBits
        withExtendedLifetime(slice.storage) {
            let start = slice.storageOffset
            bytes.append(contentsOf: slice.storage.bytes[(start + shared)..<(start + count)])
        }
        return count - shared
    }

    /// Changes bytes where they stand.
    mutating func change(_ body: (inout [UInt8]) -> Void) {
        body(&bytes)
    }

    /// - Returns: bytes that are let go of.
    mutating func withhold() -> Int {
        defer { bytes = [] }
        isWithheld = true
        return bytes.count
    }

    /// Whether all of its content has come.
    var isComplete: Bool { endBits >= packet.preamble.contentBits ?? packet.preamble.totalBits ?? .max }

    /// With padding, bytes.
    var byteCount: UInt64 { max(packet.preamble.totalBits.map { $0 / 8 } ?? 0, UInt64(bytes.count)) }

    var beginCycles: UInt64 { packet.preamble.timestampBeginCycles ?? 0 }
    var endCycles: UInt64 { packet.preamble.timestampEndCycles ?? beginCycles }
}
