import CTF

/// What LTTng's index of a file of packets says of one packet.
struct StoredIndexEntry: Equatable {
    /// Where the packet begins, bytes from the file's start.
    var offset: UInt64
    var packetBits: UInt64
    var contentBits: UInt64
    var beginCycles: UInt64
    var endCycles: UInt64
    var discardedEvents: UInt64
    var streamClassID: UInt64
    /// Since version 1.1.
    var streamInstanceID: UInt64?
    var sequenceNumber: UInt64?

    /// Whether a packet's own header and context say the same, as far as they say anything.
    func describes(_ preamble: PacketPreamble) -> Bool {
        func agrees(_ own: UInt64?, _ other: UInt64?) -> Bool { own == nil || other == nil || own == other }
        return streamClassID == preamble.streamClassID && agrees(preamble.totalBits, packetBits)
            && agrees(preamble.contentBits, contentBits) && agrees(preamble.timestampBeginCycles, beginCycles)
            && preamble.mayEnd(atCycles: endCycles) && agrees(preamble.discardedEvents, discardedEvents)
            && agrees(preamble.streamInstanceID, streamInstanceID)
            && agrees(preamble.sequenceNumber, sequenceNumber)
    }
}

/// LTTng's index of a file of packets (`index/NAME.idx`), read piece by piece as it is needed.
///
///      0       4       8       12
///     | magic | major | minor | entry length |       16 bytes; then entries of that length, one a packet:
///      0        8             16             24                32              40                 48
///     | offset | packet bits | content bits | timestamp_begin | timestamp_end | events_discarded | stream_id |
///      56                   64
///     | stream_instance_id | packet_seq_num |        since version 1.1
///
/// All numbers are big-endian. An index is a hint: it says how much to read at once, and where a start that lies in
/// the middle may be; every packet is taken for what its own header says, and an index that says otherwise once is not
/// looked at any more. Memory: `pieceBytes`.
struct StoredIndex {
    /// What is to be read next, bytes from the index's start.
    typealias Piece = (offset: UInt64, count: Int)

    private static let magic: UInt64 = 0xC1F1_DCC1
    private static let headerBytes = 16
    private static let entryBytesMin = 56
    private static let entryBytesMax = 4096
    private static let pieceBytes = 65_536

    private let byteCount: UInt64
    /// Nil until the header has been read.
    private var entryBytes: Int?
    private var entries: [StoredIndexEntry] = []
    /// The number of `entries[0]`.
    private var firstEntry: UInt64 = 0
    /// The entry of the packet that the file's reader stands before.
    private var position: UInt64 = 0
    /// Where the first entry is that a search looks for; nil when nothing is looked for.
    private var searched: Range<UInt64>?
    /// Whether `position` was found by a search, and has not been gone to.
    private var isStart = false

    /// - Parameters:
    ///   - byteCount: of the index.
    ///   - isSearched: whether it is to be looked for a start (`take(_:isBefore:)`).
    init?(byteCount: UInt64, isSearched: Bool) {
        guard byteCount >= UInt64(Self.headerBytes + Self.entryBytesMin) else { return nil }
        self.byteCount = byteCount
        searched = isSearched ? 0..<0 : nil
    }

    /// Whole entries, once the header has been read.
    private var entryCount: UInt64 {
        entryBytes.map { (byteCount - UInt64(Self.headerBytes)) / UInt64($0) } ?? 0
    }

    /// The entry of the packet that the file's reader stands before; nil when it is not known, or there is none.
    var current: StoredIndexEntry? {
        guard searched == nil, position >= firstEntry, position - firstEntry < entries.count else { return nil }
        return entries[Int(position - firstEntry)]
    }

    /// The reader has gone on to the next packet.
    mutating func advance() {
        position += 1
    }

    /// Whether `current` is where a search leads to; says so once.
    mutating func takeStart() -> Bool {
        defer { isStart = false }
        return isStart
    }

    // MARK: Pieces

    /// What must be read for `current` to be known; nil when it is, or there is no such entry.
    var wanted: Piece? {
        guard let entryBytes else { return (0, Int(min(byteCount, UInt64(Self.pieceBytes)))) }
        if let searched { return piece(at: searched.lowerBound + UInt64(searched.count) / 2, count: 1, entryBytes) }
        guard current == nil, position < entryCount else { return nil }
        return piece(at: position, count: Self.pieceBytes / entryBytes, entryBytes)
    }

    private func piece(at entry: UInt64, count: Int, _ entryBytes: Int) -> Piece {
        let offset = UInt64(Self.headerBytes) + entry * UInt64(entryBytes)
        return (offset, Int(min(UInt64(count), entryCount - entry)) * entryBytes)
    }

    /// Takes what `wanted` asked for.
    /// - Parameter isBefore: whether a packet lies before the start that is looked for. Those that do come first.
    /// - Returns: false for what is no index.
    mutating func take(_ bytes: UnsafeRawBufferPointer, isBefore: (StoredIndexEntry) -> Bool) -> Bool {
        guard let entryBytes else { return takeHeader(bytes) }
        guard let range = searched else {
            read(bytes, firstEntry: position, entryBytes)
            return true
        }
        let middle = range.lowerBound + UInt64(range.count) / 2
        read(bytes, firstEntry: middle, entryBytes)
        guard let entry = entries.first else { return false }
        setSearched(isBefore(entry) ? middle + 1..<range.upperBound : range.lowerBound..<middle)
        return true
    }

    /// A search ends before the last packet that lies before the start: its header can show that the index is right.
    private mutating func setSearched(_ range: Range<UInt64>) {
        searched = range.isEmpty ? nil : range
        guard range.isEmpty else { return }
        position = range.lowerBound - min(range.lowerBound, 1)
        isStart = true
    }

    private mutating func takeHeader(_ bytes: UnsafeRawBufferPointer) -> Bool {
        func word(_ offset: Int) -> UInt64 { Self.number(bytes, offset, byteCount: 4) }
        let length = Int(word(12))
        guard word(0) == Self.magic, word(4) == 1, length >= Self.entryBytesMin, length <= Self.entryBytesMax,
            length % 8 == 0
        else { return false }
        entryBytes = length
        guard entryCount > 0 else { return false }
        if searched != nil { setSearched(0..<entryCount) }
        if searched == nil { read(UnsafeRawBufferPointer(rebasing: bytes[Self.headerBytes...]), firstEntry: 0, length) }
        return true
    }

    private mutating func read(_ bytes: UnsafeRawBufferPointer, firstEntry: UInt64, _ entryBytes: Int) {
        self.firstEntry = firstEntry
        entries = (0..<bytes.count / entryBytes).map { number in
            func field(_ index: Int) -> UInt64 {
                Self.number(bytes, number * entryBytes + index * 8, byteCount: 8)
            }
            let isNew = entryBytes >= 72
            return StoredIndexEntry(
                offset: field(0),
                packetBits: field(1),
                contentBits: field(2),
                beginCycles: field(3),
                endCycles: field(4),
                discardedEvents: field(5),
                streamClassID: field(6),
                streamInstanceID: isNew ? field(7) : nil,
                sequenceNumber: isNew ? field(8) : nil
            )
        }
    }

    private static func number(_ bytes: UnsafeRawBufferPointer, _ offset: Int, byteCount: Int) -> UInt64 {
        bytes[offset..<offset + byteCount].reduce(0) { $0 << 8 | UInt64($1) }
    }
}
