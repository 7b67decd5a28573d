import CTF
import Feed

/// A trace as a viewer is shown it.
struct ExportedTrace: Sendable {
    let trace: FeedTrace
    /// Its metadata, in the pieces in which it came: those of the decoder's state, as long as the trace lives, and so
    /// nothing that is kept besides.
    private(set) var metadata: [[UInt8]] = []
    /// Metadata that has come, bytes.
    private(set) var receivedBytes = 0
    /// Of these, what the viewer has fetched.
    private var sentBytes = 0
    /// Of the checkpoint that is being read: what it has said again.
    private var repeated: [[UInt8]] = []
    /// Its metadata stream was announced.
    var isAnnounced = false
    /// Nothing more comes of it.
    var hasEnded = false
    /// The UUID that its metadata says; nil where that cannot be read.
    var uuid: TraceUUID?
    /// Stands for `uuid` in all that the viewer gets: another trace that it is shown has the same.
    var shownUUID: TraceUUID?

    init(_ trace: FeedTrace) {
        self.trace = trace
    }

    var session: SessionIdentity { SessionIdentity(trace) }

    /// CTF 2: its metadata begins with a record separator.
    private(set) var isCTF2 = false

    mutating func append(_ bytes: [UInt8]) {
        if receivedBytes == 0 { isCTF2 = bytes.first == 0x1E }
        receivedBytes += bytes.count
        metadata.append(bytes)
    }

    /// A checkpoint begins, which says all metadata from the start.
    mutating func beginCheckpoint() {
        repeated = []
    }

    mutating func appendRepeated(_ bytes: [UInt8]) {
        repeated.append(bytes)
    }

    /// What it says is what the decoder's state has from now on.
    mutating func endCheckpoint() {
        defer { repeated = [] }
        guard repeated.reduce(0, { $0 + $1.count }) >= receivedBytes else { return }
        (metadata, receivedBytes) = ([], 0)
        for piece in repeated { append(piece) }
    }

    var hasUnsent: Bool { sentBytes < receivedBytes }

    /// Hands out what was not fetched.
    /// - Complexity: O(pieces), and what is handed out.
    mutating func takeMetadata() -> [UInt8] {
        var unsent: [UInt8] = []
        unsent.reserveCapacity(receivedBytes - sentBytes)
        var start = 0
        for piece in metadata {
            let first = max(sentBytes - start, 0)
            if first < piece.count { unsent += piece[first...] }
            start += piece.count
        }
        sentBytes = receivedBytes
        return shown(unsent)
    }

    /// The viewer knows nothing of it any more.
    mutating func startOver() {
        isAnnounced = false
        sentBytes = 0
    }

    /// Has the trace known by another UUID, where `isTaken` says that its own is taken.
    ///
    /// The new one follows from what names the trace, so that every viewer knows it by the same.
    mutating func tellApart(_ isTaken: (TraceUUID) -> Bool) {
        guard let uuid, isTaken(uuid) else { return }
        var name = StableHash()
        for part in [trace.relay, trace.host, trace.session, trace.path] { name.combine(part) }
        name.combine(trace.sessionID)
        var candidate = TraceUUID(high: uuid.high ^ name.value, low: uuid.low ^ (name.value &* 31))
        while isTaken(candidate) { candidate = TraceUUID(high: candidate.high, low: candidate.low &+ 1) }
        shownUUID = candidate
    }

    /// Metadata with the shown UUID: in its text, and in the headers of its packets.
    private func shown(_ metadata: [UInt8]) -> [UInt8] {
        guard let uuid, let shownUUID else { return metadata }
        var metadata = metadata
        metadata.replace(uuid.bytes, with: shownUUID.bytes, isText: false)
        metadata.replace(Array("\(uuid)".utf8), with: Array("\(shownUUID)".utf8), isText: true)
        return metadata
    }
}

extension [UInt8] {
    /// Puts bytes in the place of others, as many, wherever those stand.
    /// - Parameter isText: hexadecimal digits are the same in both cases.
    fileprivate mutating func replace(_ old: [UInt8], with new: [UInt8], isText: Bool) {
        guard old.count == new.count, !old.isEmpty, count >= old.count else { return }
        var index = 0
        while index <= count - old.count {
            let isHere = old.indices.allSatisfy { place in
                self[index + place] == old[place]
                    || (isText && (65...70).contains(self[index + place]) && self[index + place] + 32 == old[place])
            }
            guard isHere else {
                index += 1
                continue
            }
            for place in new.indices { self[index + place] = new[place] }
            index += old.count
        }
    }
}
