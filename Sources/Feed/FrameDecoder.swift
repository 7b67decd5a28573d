package import CTF

/// A frame as a raw subscriber gets it.
package struct ReceivedFrame: Sendable {
    /// Numbered. In a checkpoint: declarations and the current states. Slices lie in the frame's own storage.
    package let batch: FeedBatch
    /// Resumes after this frame; nil where one cannot.
    package let token: String?
    /// Whether this is (a part of) a checkpoint: it repeats what earlier frames may have said.
    package let isCheckpoint: Bool
    /// Bytes, including the length.
    package let byteCount: Int
}

/// Turns the frames of a raw subscription back into batches.
///
/// Keeps what frames refer to: traces with their metadata and programs, streams, open packets. A trace whose metadata cannot
/// be read costs itself only: its events become `lost` records. Any other fault is an error, after which the decoder
/// is of no more use.
package struct FrameDecoder: ~Copyable {
    package init(limits: FeedLimits = FeedLimits()) {}

    /// - Parameter frame: a whole frame, with its length.
    package mutating func decode(_ frame: ByteStorage) throws(FeedError) -> ReceivedFrame {
        throw .messageEmpty
    }
}
