import Feed
import FeedLog
import NIOCore
import Timeline

/// Reads frames of the log again, and decodes them. Used by one task at a time.
final class FrameReading {
    private static let readBytes = 256 << 10

    private let hub: FeedHub
    private let lane: TimelineLane
    private var decoder: FrameDecoder?
    private var position = LogPosition(sequence: 0)
    /// Read, and not decoded.
    private var waiting: ArraySlice<EncodedFrame> = []

    init(hub: FeedHub, lane: TimelineLane) {
        self.hub = hub
        self.lane = lane
    }

    /// The batches of some frames, as far as they are kept. Ranges that ascend cost less than others.
    /// - Throws: `TimelineUnavailable`.
    /// - Complexity: O(bytes of the frames, and of those from the place before on).
    func batches(_ ranges: [ClosedRange<UInt64>]) async throws -> [FeedBatch] {
        var batches: [FeedBatch] = []
        for range in ranges {
            guard try await seek(range) else { continue }
            while let frame = try await nextFrame(upTo: range.upperBound) {
                do throws(FeedError) {
                    guard let received = try decoder?.decode(frame.storage) else { break }
                    if range.contains(frame.sequence) { batches.append(received.batch) }
                } catch {
                    // A log that cannot be decoded here is one that has lost these frames.
                    decoder = nil
                    break
                }
            }
        }
        return batches
    }

    /// - Returns: false where none of the frames is kept.
    private func seek(_ range: ClosedRange<UInt64>) async throws -> Bool {
        let place = try await lane.ask { book, _ in book.place(for: range) }
        guard let place else { return false }
        if let sequence = decoder?.sequence, sequence < range.lowerBound, sequence >= place.sequence { return true }
        decoder = FrameDecoder(at: place)
        position = LogPosition(sequence: place.sequence)
        waiting = []
        return true
    }

    /// - Returns: nil at the end, and where the frame is kept no more.
    private func nextFrame(upTo last: UInt64) async throws -> EncodedFrame? {
        guard let sequence = decoder?.sequence, sequence < last else { return nil }
        if let frame = waiting.popFirst() { return frame }
        let read = try await hub.frames(after: position, limitBytes: Self.readBytes).get()
        guard case .frames(let frames) = read.found else {
            decoder = nil
            return nil
        }
        position = read.position
        waiting = frames[...]
        return waiting.popFirst()
    }
}
