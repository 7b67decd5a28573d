import CTF

/// Puts messages together from bytes that come split in any way. Memory: one message, of bounded length.
struct MessageAssembler: Sendable {
    private let limitBytes: Int
    private var lengthBytes: [UInt8] = []
    private var message: ByteStorage?
    /// Bytes of `message` that have come, the length included.
    private var filled = 0

    /// - Parameter limitBytes: the longest message, without its length.
    init(limitBytes: Int) {
        self.limitBytes = limitBytes
        lengthBytes.reserveCapacity(MessageLength.byteCount)
    }

    /// Whether the bytes so far end inside of a message.
    var isInMessage: Bool { message != nil || !lengthBytes.isEmpty }

    /// Takes bytes from the front of `bytes` until they complete a message.
    /// - Returns: the message with its length; nil when `bytes` has been used up before.
    mutating func next(from bytes: inout UnsafeRawBufferPointer) throws(FeedError) -> ByteStorage? {
        while message == nil {
            guard let byte = bytes.first else { return nil }
            lengthBytes.append(byte)
            bytes = UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
            if lengthBytes.count == MessageLength.byteCount { try begin() }
        }
        guard let storage = message else { return nil }
        let count = min(bytes.count, storage.capacity - filled)
        storage.write(UnsafeRawBufferPointer(rebasing: bytes.prefix(count)), at: filled)
        bytes = UnsafeRawBufferPointer(rebasing: bytes.dropFirst(count))
        filled += count
        guard filled == storage.capacity else { return nil }
        message = nil
        lengthBytes.removeAll(keepingCapacity: true)
        return storage
    }

    private mutating func begin() throws(FeedError) {
        let length = lengthBytes.withUnsafeBytes { MessageLength.read($0) }
        guard length > 0 else { throw .messageEmpty }
        guard length <= limitBytes else { throw .messageTooLong(UInt64(length), limit: limitBytes) }
        let storage = ByteStorage(capacity: MessageLength.byteCount + length)
        lengthBytes.withUnsafeBytes { storage.write($0, at: 0) }
        filled = MessageLength.byteCount
        message = storage
    }
}
