package import Feed

/// What waits for a collector that takes a stream of bytes and says of none of them that it has them.
///
/// Bytes go out in order; those that are known to be taken are forgotten, and with the last byte of a piece all up to
/// its token is done with. Where the stream breaks, pieces that were not taken whole go out again, from their start: a
/// collector never sees a line's second half alone. Without I/O.
package struct TextQueue: Sendable {
    /// What was finished by bytes that were taken.
    package struct Progress: Sendable, Equatable {
        package var token: ResumeToken?
        package var events: UInt64 = 0

        package init(token: ResumeToken? = nil, events: UInt64 = 0) {
            self.token = token
            self.events = events
        }
    }

    private struct Piece: Sendable {
        var bytes: [UInt8]
        var progress: Progress
    }

    /// By age; those before `first` are gone.
    private var pieces: [Piece] = []
    private var first = 0
    /// Of the pieces from `first` on: how many bytes are out, and how many of these are taken.
    private var sentBytes = 0
    private var takenBytes = 0
    /// The piece of which the next byte is, and that byte in it.
    private var next = (piece: 0, offset: 0)
    package private(set) var byteCount = 0

    package init() {}

    /// Whether all is taken.
    package var isEmpty: Bool { first == pieces.count }
    package var hasUnsent: Bool { next.piece < pieces.count }
    /// Bytes that are out and not taken.
    package var onTheirWay: Int { sentBytes - takenBytes }

    /// - Parameter bytes: whole lines, or nothing: then the token is done with as soon as all before it is.
    package mutating func append(_ bytes: [UInt8], _ progress: Progress) {
        if bytes.isEmpty, !isEmpty {
            // However long nothing is taken, frames without lines cost nothing.
            pieces[pieces.count - 1].progress.token = progress.token ?? pieces[pieces.count - 1].progress.token
            pieces[pieces.count - 1].progress.events += progress.events
            return
        }
        pieces.append(Piece(bytes: bytes, progress: progress))
        byteCount += bytes.count
        if bytes.isEmpty { skipSentPieces() }
    }

    /// The bytes to send next, of one piece.
    package mutating func withNext<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result? {
        guard hasUnsent else { return nil }
        return pieces[next.piece].bytes.withUnsafeBytes { bytes in
            body(UnsafeRawBufferPointer(rebasing: bytes[next.offset...]))
        }
    }

    /// The collector's stream has accepted so many bytes.
    package mutating func sent(_ count: Int) {
        precondition(count <= pieces[next.piece].bytes.count - next.offset, "more than there was")
        next.offset += count
        sentBytes += count
        skipSentPieces()
    }

    private mutating func skipSentPieces() {
        while next.piece < pieces.count, next.offset == pieces[next.piece].bytes.count { next = (next.piece + 1, 0) }
    }

    /// Of the bytes that are out, all but so many are taken.
    /// - Returns: what that finishes; nil for nothing.
    package mutating func taken(allBut count: Int) -> Progress? {
        takenBytes = max(takenBytes, sentBytes - max(count, 0))
        var result: Progress?
        while first < next.piece, pieces[first].bytes.count <= takenBytes {
            let piece = pieces[first]
            takenBytes -= piece.bytes.count
            sentBytes -= piece.bytes.count
            byteCount -= piece.bytes.count
            result = Progress(
                token: piece.progress.token ?? result?.token,
                events: (result?.events ?? 0) + piece.progress.events
            )
            // The piece itself goes later.
            pieces[first].bytes = []
            first += 1
        }
        if first > 64, first * 2 > pieces.count { dropGone() }
        return result
    }

    private mutating func dropGone() {
        pieces.removeFirst(first)
        next.piece -= first
        first = 0
    }

    /// The stream has broken: what was not taken goes out again.
    package mutating func restart() {
        (sentBytes, takenBytes, next) = (0, 0, (first, 0))
        skipSentPieces()
    }
}
