import CTF
import Feed

/// The header of a packet in a file.
struct StoredHeader {
    var preamble: PacketPreamble
    /// The packet's size, of which the file may lack the end.
    var byteCount: UInt64
    /// When it begins, nanoseconds; nil where it does not say.
    var beginNs: Int64?
}

/// A packet of which not all windows have been read.
struct StoredPacket {
    let header: StoredHeader
    let packet: FeedPacket
    /// Where its content ends, bits from the packet's start.
    let contentBits: UInt64
    /// Before the first event that has not been taken.
    var cursor: EventCursor
    /// Bytes to be read next.
    var windowBytes: Int
    /// When the last event was, nanoseconds.
    var lastNs: Int64?

    /// The packet's byte with which the next window begins.
    var windowStart: Int { Int(cursor.positionBits / 8) }

    /// Decides how large the window after `window` is.
    /// - Throws: where an event is too large for the largest.
    mutating func widen(
        _ window: PacketWindow,
        hasEvents: Bool,
        _ limits: CoordinatorLimits
    ) throws(PacketError) {
        guard !hasEvents else {
            windowBytes = limits.storedWindowBytes
            return
        }
        let heldBytes = window.firstByte + window.storage.capacity - windowStart
        guard heldBytes < limits.packetBytesMax else {
            throw PacketError(.oversizedEvent, atBits: cursor.positionBits, value: UInt64(heldBytes))
        }
        windowBytes = max(windowBytes, heldBytes * 2)
    }
}

extension PacketPreamble {
    /// The packet's header and context alone.
    /// - Parameter storage: holds them.
    func bytes(from storage: ByteStorage) -> ByteStorage {
        let count = Int(firstEventBits / 8) + (firstEventBits % 8 == 0 ? 0 : 1)
        let copy = ByteStorage(capacity: count)
        copy.write(UnsafeRawBufferPointer(rebasing: storage.bytes[..<count]), at: 0)
        return copy
    }
}

/// Where the reading of one of a stream's files is. Confined to the coordinator.
struct StoredFileCursor {
    let trace: Int
    let file: Int
    let name: String
    let byteCount: UInt64
    /// Start of the next packet, bytes from the file's start.
    private(set) var offset: UInt64 = 0
    /// Bytes asked for next: what the last packet took, or the index says, so that one read gets a whole packet.
    var guessBytes = Self.headBytes
    /// Of the packet at `offset`, once it has been read.
    var header: StoredHeader?
    /// LTTng's index of the file, as long as it is right.
    var index: StoredIndex?
    /// Whether `offset` is known from the index alone.
    private(set) var isSought = false

    /// Bytes in which a packet's header and context lie as a rule.
    static let headBytes = 4096

    /// Bytes of the packet that the file has.
    func presentBytes(_ packet: StoredHeader) -> UInt64 { min(packet.byteCount, rest) }

    init(trace: Int, number: Int, _ file: StoredFile, isSearched: Bool) {
        self.trace = trace
        self.file = number
        name = file.name
        // What a packet's bytes are counted with.
        byteCount = min(file.byteCount, 1 << 56)
        index = StoredIndex(byteCount: file.indexByteCount, isSearched: isSearched)
    }

    var rest: UInt64 { byteCount - offset }

    /// Goes on behind the packet at `offset`, which ends in the file.
    mutating func skip(_ packet: StoredHeader) {
        offset += packet.byteCount
        header = nil
        isSought = false
        index?.advance()
    }

    /// Takes notice of what the index says of the next packet.
    /// - Returns: false where that cannot be.
    mutating func follow(_ entry: StoredIndexEntry) -> Bool {
        let bytes = entry.packetBits / 8
        let isStart = index?.takeStart() ?? false
        guard entry.packetBits % 8 == 0, bytes > 0, entry.offset <= byteCount, bytes <= byteCount - entry.offset,
            entry.offset == offset || isStart
        else { return false }
        if entry.offset != offset {
            offset = entry.offset
            header = nil
            isSought = true
        }
        guessBytes = Int(clamping: bytes)
        return true
    }

    /// The index is wrong: it is not looked at any more, and a place that it has given is left.
    mutating func dropIndex() {
        index = nil
        guard isSought else { return }
        isSought = false
        offset = 0
        header = nil
        guessBytes = Self.headBytes
    }
}

/// The files of one data stream, those of other directories and of a wrapped channel included, in the order of their
/// next packets: the first one is read. Confined to the coordinator.
///
/// A tracer that is given sizes (`tracefile-size`, `tracefile-count`) or that rotates puts a stream into several files,
/// each with consecutive packets; which of them is the oldest, names do not say. Snapshots may hold a packet twice.
struct StoredStream {
    private var files: [StoredFileCursor]
    /// Index of the file that is read.
    private var currentFile: Int
    /// The others that are not read to their ends.
    private var waiting = WaitingFiles()
    /// The current file's packet, while it is read through windows.
    var open: StoredPacket?
    /// The packet taken last, and which file it was in.
    private var last: Last?

    private struct Last {
        var preamble: PacketPreamble
        /// The stream's clock before it.
        var clockCycles: UInt64
        var trace: Int
        var file: Int
    }

    /// - Parameter files: at least one; each of several knows its header.
    init(_ files: [StoredFileCursor]) {
        precondition(!files.isEmpty)
        self.files = files
        for (index, file) in files.enumerated() { waiting.add(index, beginNs: file.header?.beginNs ?? .min) }
        currentFile = waiting.popFirst() ?? 0
    }

    var current: StoredFileCursor {
        get { files[currentFile] }
        set { files[currentFile] = newValue }
    }

    /// Lets the other files go first whose next packets are earlier than the current one's, which is known.
    /// - Returns: whether it stays the current one.
    /// - Complexity: O(log files).
    mutating func reorder() -> Bool {
        guard let beginNs = current.header?.beginNs, let next = waiting.firstBeginNs, next < beginNs,
            let file = waiting.popFirst()
        else { return true }
        waiting.addBeforeEqual(currentFile, beginNs: beginNs)
        currentFile = file
        return false
    }

    /// Whether the current file's packet has been taken from another file before.
    /// - Parameter preamble: reads the packet's, given the stream's clock before it.
    func hasTaken(_ preamble: (_ clockCycles: UInt64) -> PacketPreamble?) -> Bool {
        guard let last, (last.trace, last.file) != (current.trace, current.file) else { return false }
        return preamble(last.clockCycles) == last.preamble
    }

    /// - Parameter clockCycles: the stream's clock before the packet.
    mutating func took(_ packet: StoredHeader, clockCycles: UInt64) {
        guard !waiting.isEmpty else { return }
        last = Last(
            preamble: packet.preamble,
            clockCycles: clockCycles,
            trace: current.trace,
            file: current.file
        )
    }

    /// The current file is done with.
    /// - Returns: whether there is another one.
    mutating func closeCurrent() -> Bool {
        guard let file = waiting.popFirst() else { return false }
        files[currentFile].index = nil
        currentFile = file
        return true
    }
}
