package import CTF

/// A frame as it is logged and sent: the length, then the message. Shared by the log and all its readers.
package struct EncodedFrame: Sendable {
    /// The whole frame, its four length bytes included; its capacity is the frame's length.
    package let storage: ByteStorage
    /// The batch's number; in a checkpoint that of the last batch that it contains.
    package let sequence: UInt64
    /// W after the frame, nanoseconds since the Unix epoch; nil when the frame does not say one.
    package let watermarkNs: Int64?
    package let eventCount: Int

    /// Bytes, including the length.
    package var byteCount: Int { storage.capacity }

    package init(storage: ByteStorage, sequence: UInt64, watermarkNs: Int64?, eventCount: Int) {
        self.storage = storage
        self.sequence = sequence
        self.watermarkNs = watermarkNs
        self.eventCount = eventCount
    }
}
