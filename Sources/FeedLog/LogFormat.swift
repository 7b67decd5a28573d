import CTF
import Feed

// A segment is a file named by its first frame's number:
//
//     header (80 bytes and 16 for each cut) | record | record | ...
//
// The first records are a checkpoint: all that lives before the segment's first frame. Numbers are little-endian.
//
//     header: 0 "tidemark" | 8 CRC-32C of what follows | 12 bytes of the header | 16 format | 20 cuts
//             24 feed id, 32 its second half | 40 epoch | 48 first frame | 56 made at, ns | 64 W, ns | 72 has W
//             80 cuts: epoch (8), the last frame before it (8)
//     record: 0 CRC-32C of what follows | 4 bytes of the frame | 8 sequence | 16 W, ns | 24 events
//             28 kind | 29 has W | 30 zero (2) | 32 frame, as subscribers get it

/// A life of the feed that began when the end of its log was lost.
package struct EpochCut: Sendable, Equatable {
    package var epoch: UInt64
    /// The last frame that it has in common with the epoch before.
    package var lastSequence: UInt64

    package init(epoch: UInt64, lastSequence: UInt64) {
        self.epoch = epoch
        self.lastSequence = lastSequence
    }
}

/// What a segment says of itself.
struct SegmentHeader: Sendable, Equatable {
    static let fixedBytes = 80
    static let cutsMax = 64
    private static let magic = Array("tidemark".utf8)
    private static let format: UInt32 = 1

    var feed: FeedIdentity
    /// The newest ones, by ascending epoch.
    var cuts: [EpochCut]
    var firstSequence: UInt64
    /// Nanoseconds since the Unix epoch.
    var createdNs: Int64
    /// W before the first frame.
    var watermarkNs: Int64?

    var byteCount: Int { Self.fixedBytes + 16 * cuts.count }

    var storage: ByteStorage {
        var bytes = [UInt8](repeating: 0, count: byteCount)
        bytes.withUnsafeMutableBytes { bytes in
            for (index, byte) in Self.magic.enumerated() { bytes[index] = byte }
            bytes.put(UInt32(byteCount), at: 12)
            bytes.put(Self.format, at: 16)
            bytes.put(UInt32(cuts.count), at: 20)
            bytes.put(feed.id.high, at: 24)
            bytes.put(feed.id.low, at: 32)
            bytes.put(feed.epoch, at: 40)
            bytes.put(firstSequence, at: 48)
            bytes.put(createdNs, at: 56)
            bytes.put(watermarkNs ?? 0, at: 64)
            bytes.put(UInt64(watermarkNs == nil ? 0 : 1), at: 72)
            for (index, cut) in cuts.enumerated() {
                bytes.put(cut.epoch, at: Self.fixedBytes + 16 * index)
                bytes.put(cut.lastSequence, at: Self.fixedBytes + 16 * index + 8)
            }
            bytes.put(CRC32C.checksum(UnsafeRawBufferPointer(rebasing: bytes[12...])), at: 8)
        }
        let storage = ByteStorage(capacity: byteCount)
        bytes.withUnsafeBytes { storage.write($0, at: 0) }
        return storage
    }

    init(feed: FeedIdentity, cuts: [EpochCut], firstSequence: UInt64, createdNs: Int64, watermarkNs: Int64?) {
        self.feed = feed
        self.cuts = cuts.suffix(Self.cutsMax)
        self.firstSequence = firstSequence
        self.createdNs = createdNs
        self.watermarkNs = watermarkNs
    }

    /// Reads the header of a file.
    /// - Parameter fileBytes: the file's length.
    init(of name: String, in storage: any LogStorage, fileBytes: UInt64) throws(LogDamage) {
        let head = try Self.read(name, storage, fileBytes, count: Self.fixedBytes)
        defer { withExtendedLifetime(head) {} }
        guard head.bytes.prefix(8).elementsEqual(Self.magic) else {
            throw LogDamage(file: name, offset: 0, reason: "not a segment of a log")
        }
        let count = head.bytes.number(UInt32.self, at: 12)
        let cutCount = head.bytes.number(UInt32.self, at: 20)
        guard cutCount <= Self.cutsMax, Int(count) == Self.fixedBytes + 16 * Int(cutCount) else {
            throw LogDamage(file: name, offset: 12, reason: "the header is damaged")
        }
        let whole = try Self.read(name, storage, fileBytes, count: Int(count))
        defer { withExtendedLifetime(whole) {} }
        let bytes = whole.bytes
        guard CRC32C.checksum(UnsafeRawBufferPointer(rebasing: bytes[12...])) == bytes.number(UInt32.self, at: 8)
        else { throw LogDamage(file: name, offset: 8, reason: "the header's checksum is wrong") }
        guard bytes.number(UInt32.self, at: 16) == Self.format else {
            throw LogDamage(file: name, offset: 16, reason: "a format that is not known")
        }
        let id = FeedID(high: bytes.number(UInt64.self, at: 24), low: bytes.number(UInt64.self, at: 32))
        self.init(
            feed: FeedIdentity(id: id, epoch: bytes.number(UInt64.self, at: 40)),
            cuts: (0..<Int(cutCount)).map { index in
                EpochCut(
                    epoch: bytes.number(UInt64.self, at: Self.fixedBytes + 16 * index),
                    lastSequence: bytes.number(UInt64.self, at: Self.fixedBytes + 16 * index + 8)
                )
            },
            firstSequence: bytes.number(UInt64.self, at: 48),
            createdNs: bytes.number(Int64.self, at: 56),
            watermarkNs: bytes.number(UInt64.self, at: 72) == 0 ? nil : bytes.number(Int64.self, at: 64)
        )
        guard SegmentName.text(firstSequence) == name, firstSequence > 0, firstSequence <= UInt64.max / 2 else {
            throw LogDamage(file: name, offset: 48, reason: "the file has another segment's name")
        }
    }

    private static func read(
        _ name: String,
        _ storage: any LogStorage,
        _ fileBytes: UInt64,
        count: Int
    ) throws(LogDamage) -> ByteStorage {
        guard fileBytes >= UInt64(count) else {
            throw LogDamage(file: name, offset: fileBytes, reason: "the file ends inside its header")
        }
        do throws(StorageError) {
            return try storage.read(name, at: 0, count: count)
        } catch {
            throw LogDamage(file: name, offset: 0, error)
        }
    }
}

/// What stands before a frame in a segment.
struct RecordHeader: Sendable, Equatable {
    enum Kind: UInt8, Sendable {
        case batch = 0
        case checkpointPart
        /// The checkpoint is whole.
        case checkpointEnd
    }

    static let byteCount = 32

    var frameBytes: UInt32
    var sequence: UInt64
    var watermarkNs: Int64?
    var eventCount: UInt32
    var kind: Kind

    init(_ frame: EncodedFrame, _ kind: Kind) {
        frameBytes = UInt32(frame.byteCount)
        sequence = frame.sequence
        watermarkNs = frame.watermarkNs
        eventCount = UInt32(clamping: frame.eventCount)
        self.kind = kind
    }

    /// - Parameter bytes: at least `byteCount`.
    /// - Returns: nil when they cannot be a header. The checksum is not looked at.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard let kind = Kind(rawValue: bytes[28]), bytes[29] <= 1 else { return nil }
        frameBytes = bytes.number(UInt32.self, at: 4)
        sequence = bytes.number(UInt64.self, at: 8)
        watermarkNs = bytes[29] == 1 ? bytes.number(Int64.self, at: 16) : nil
        eventCount = bytes.number(UInt32.self, at: 24)
        self.kind = kind
    }

    /// The header with the checksum of itself and of `frame`.
    func storage(before frame: ByteStorage) -> ByteStorage {
        ByteStorage(capacity: Self.byteCount) { bytes in
            bytes.put(frameBytes, at: 4)
            bytes.put(sequence, at: 8)
            bytes.put(watermarkNs ?? 0, at: 16)
            bytes.put(eventCount, at: 24)
            bytes[28] = kind.rawValue
            bytes[29] = watermarkNs == nil ? 0 : 1
            bytes.put(UInt16(0), at: 30)
            let head = CRC32C.checksum(UnsafeRawBufferPointer(rebasing: bytes[4..<Self.byteCount]))
            bytes.put(CRC32C.checksum(frame.bytes, after: head), at: 0)
        }
    }
}

/// Segments are named so that their names sort as they follow each other.
enum SegmentName {
    private static let suffix = ".segment"

    static func text(_ firstSequence: UInt64) -> String {
        let digits = String(firstSequence)
        return String(repeating: "0", count: 20 - digits.count) + digits + suffix
    }

    /// - Returns: nil when it is no segment's name.
    static func firstSequence(_ name: String) -> UInt64? {
        guard name.hasSuffix(suffix), let number = UInt64(name.dropLast(suffix.count)) else { return nil }
        return text(number) == name ? number : nil
    }
}

extension LogDamage {
    init(file: String, offset: UInt64, _ error: StorageError) {
        self.init(
            file: file,
            offset: offset,
            reason: error.description,
            kind: error.kind == .missing ? .missing : .unreadable
        )
    }
}

extension UnsafeMutableRawBufferPointer {
    fileprivate func put<Number: FixedWidthInteger>(_ number: Number, at offset: Int) {
        storeBytes(of: number.littleEndian, toByteOffset: offset, as: Number.self)
    }
}

extension UnsafeRawBufferPointer {
    func number<Number: FixedWidthInteger & BitwiseCopyable>(_: Number.Type, at offset: Int) -> Number {
        Number(littleEndian: loadUnaligned(fromByteOffset: offset, as: Number.self))
    }
}
