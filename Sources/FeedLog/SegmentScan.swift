import CTF
import Feed

/// A record as it is stored, its checksum verified.
struct StoredRecord {
    var kind: RecordHeader.Kind
    var frame: EncodedFrame
    /// Where it begins, and where the next one does, bytes from the file's start.
    var offset: UInt64
    var endOffset: UInt64
}

/// Reads a segment's records in turn, and verifies that they are what was written: lengths, checksums and numbers.
///
/// Reads ahead by `chunkBytes`; each frame gets memory of its own.
struct SegmentScan: ~Copyable {
    private let storage: any LogStorage
    private let name: String
    private let firstSequence: UInt64
    /// The segment's length.
    private let end: UInt64
    private let frameBytesMax: Int
    private let chunkBytes: Int
    private(set) var offset: UInt64
    /// The next frame's number; in the checkpoint, one less than the first frame's.
    private(set) var nextSequence: UInt64
    private var isInCheckpoint: Bool
    private var chunk: ByteStorage?
    private var chunkOffset: UInt64 = 0

    /// From the checkpoint on.
    init(_ segment: LogSegment, in storage: any LogStorage, limits: FeedLimits, chunkBytes: Int = 1 << 20) {
        self.init(
            segment,
            at: UInt64(segment.header.byteCount),
            nextSequence: nil,
            in: storage,
            limits: limits,
            chunkBytes: chunkBytes
        )
    }

    /// - Parameters:
    ///   - offset: where a record begins.
    ///   - nextSequence: its number; nil where the checkpoint begins.
    init(
        _ segment: LogSegment,
        at offset: UInt64,
        nextSequence: UInt64?,
        in storage: any LogStorage,
        limits: FeedLimits,
        chunkBytes: Int = 1 << 20
    ) {
        self.storage = storage
        self.offset = offset
        self.chunkBytes = chunkBytes
        name = segment.name
        firstSequence = segment.firstSequence
        end = segment.byteCount
        frameBytesMax = limits.frameBytes + 4
        isInCheckpoint = nextSequence == nil
        self.nextSequence = nextSequence ?? segment.firstSequence - 1
    }

    /// - Returns: nil at the segment's end.
    mutating func next() throws(LogDamage) -> StoredRecord? {
        guard offset < end else { return nil }
        let header = try bytes(RecordHeader.byteCount, at: offset)
        guard let record = RecordHeader(header) else { throw damage("not a record") }
        let count = RecordHeader.byteCount + Int(record.frameBytes)
        guard record.frameBytes <= frameBytesMax else { throw damage("a frame of \(record.frameBytes) bytes") }
        let whole = try bytes(count, at: offset)
        let checksum = CRC32C.checksum(UnsafeRawBufferPointer(rebasing: whole[4...]))
        guard checksum == whole.number(UInt32.self, at: 0) else { throw damage("the checksum is wrong") }
        guard record.sequence == nextSequence, (record.kind != .batch) == isInCheckpoint else {
            throw damage("frame \(record.sequence) where \(nextSequence) was to come")
        }
        let frame = ByteStorage(capacity: Int(record.frameBytes))
        frame.write(UnsafeRawBufferPointer(rebasing: whole[RecordHeader.byteCount...]), at: 0)
        let stored = StoredRecord(
            kind: record.kind,
            frame: EncodedFrame(
                storage: frame,
                sequence: record.sequence,
                watermarkNs: record.watermarkNs,
                eventCount: Int(record.eventCount)
            ),
            offset: offset,
            endOffset: offset + UInt64(count)
        )
        offset = stored.endOffset
        if record.kind == .checkpointEnd { isInCheckpoint = false }
        if !isInCheckpoint { nextSequence += 1 }
        return stored
    }

    /// The checkpoint's frames, from its start on.
    /// - Throws: also when it is not whole.
    mutating func checkpoint() throws(LogDamage) -> [EncodedFrame] {
        var frames: [EncodedFrame] = []
        while let record = try next() {
            frames.append(record.frame)
            if record.kind == .checkpointEnd { return frames }
        }
        throw damage("the checkpoint is not whole")
    }

    /// The checkpoint, and a folder that goes on from it.
    mutating func foldedCheckpoint(watermarkNs: Int64?, limits: FeedLimits) throws(LogDamage) -> FrameFolder {
        let frames = try checkpoint()
        do throws(FeedError) {
            return try FrameFolder(checkpoint: frames, watermarkNs: watermarkNs, limits: limits)
        } catch {
            throw damage("the checkpoint makes no sense: \(error)", .senseless)
        }
    }

    func damage(_ reason: String, _ kind: LogDamage.Kind = .damaged) -> LogDamage {
        LogDamage(file: name, offset: offset, reason: reason, kind: kind)
    }

    /// Valid until the next call.
    private mutating func bytes(_ count: Int, at offset: UInt64) throws(LogDamage) -> UnsafeRawBufferPointer {
        guard UInt64(count) <= end - offset else { throw damage("the file ends inside a record") }
        if let chunk, offset >= chunkOffset, offset + UInt64(count) <= chunkOffset + UInt64(chunk.capacity) {
            let start = Int(offset - chunkOffset)
            return UnsafeRawBufferPointer(rebasing: chunk.bytes[start..<start + count])
        }
        do throws(StorageError) {
            let read = try storage.read(
                name,
                at: offset,
                count: Int(min(end - offset, UInt64(max(count, chunkBytes))))
            )
            (chunk, chunkOffset) = (read, offset)
            return UnsafeRawBufferPointer(rebasing: read.bytes[..<count])
        } catch {
            throw LogDamage(file: name, offset: offset, error)
        }
    }
}

extension FrameFolder {
    /// Takes in a frame of the segment `name`.
    mutating func fold(_ record: StoredRecord, of name: String) throws(LogDamage) {
        do throws(FeedError) {
            try fold(record.frame)
        } catch {
            throw LogDamage(
                file: name,
                offset: record.offset,
                reason: "frame \(record.frame.sequence) makes no sense: \(error)",
                kind: .senseless
            )
        }
    }
}
