import CFeedSchema
import CTF

/// The four bytes before each message: its length, big-endian, without themselves.
enum MessageLength {
    static let byteCount = 4

    static func write(_ length: Int, to bytes: UnsafeMutableRawBufferPointer) {
        bytes.storeBytes(of: UInt32(length).bigEndian, as: UInt32.self)
    }

    static func read(_ bytes: UnsafeRawBufferPointer) -> Int {
        Int(UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self)))
    }
}

extension UnsafeMutablePointer<ProtobufCMessage> {
    /// Packs the message, behind its length, into memory of its own.
    func packed(limitBytes: Int) throws(FeedError) -> ByteStorage {
        let count = protobuf_c_message_get_packed_size(self)
        guard count <= limitBytes else { throw .messageTooLong(UInt64(count), limit: limitBytes) }
        let storage = ByteStorage(capacity: MessageLength.byteCount + count)
        storage.fill { bytes in
            MessageLength.write(count, to: bytes)
            let body = UnsafeMutableRawBufferPointer(rebasing: bytes[MessageLength.byteCount...])
            guard let start = body.baseAddress else { return }
            let written = protobuf_c_message_pack(self, start.assumingMemoryBound(to: UInt8.self))
            precondition(written == count, "a message changed while it was packed")
        }
        return storage
    }
}

extension ByteStorage {
    /// Lets `body` write the bytes of a storage that nobody else has yet.
    fileprivate func fill(_ body: (UnsafeMutableRawBufferPointer) -> Void) {
        body(UnsafeMutableRawBufferPointer(mutating: bytes))
    }
}

/// Unpacks messages that a peer sent: bounded by a scan first, then by the arena's limit. Confined like its arena.
struct MessageReader: @unchecked Sendable {
    let arena: Arena
    private let limits: FeedLimits
    private(set) var scan: StructureScan

    init(limits: FeedLimits) {
        self.limits = limits
        arena = Arena(limitBytes: limits.unpackBytes)
        scan = StructureScan(limits: limits)
    }

    /// - Parameters:
    ///   - bytes: the message, without its length.
    ///   - initialize: the message's own `init` function, which knows its descriptor.
    ///   - tailField: see `StructureScan`; these values are not unpacked.
    /// - Returns: valid until the next call.
    mutating func unpack<Message>(
        _ bytes: UnsafeRawBufferPointer,
        _ initialize: (UnsafeMutablePointer<Message>?) -> Void,
        tailField: UInt32 = 0
    ) throws(FeedError) -> UnsafeMutablePointer<Message> {
        arena.reset()
        // Every message struct begins with its base.
        let sample = UnsafeMutableRawPointer(arena.make(initialize)).assumingMemoryBound(to: ProtobufCMessage.self)
        guard let descriptor = sample.pointee.descriptor else { throw .malformed(offset: 0) }
        try scan.walk(bytes, descriptor, tailField: tailField)
        let message = arena.withAllocator { allocator in
            protobuf_c_message_unpack(
                descriptor,
                allocator,
                scan.headBytes,
                bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            )
        }
        guard let message else {
            if arena.isExhausted { throw .memoryExceeded(limit: limits.unpackBytes) }
            throw .malformed(offset: 0)
        }
        return UnsafeMutableRawPointer(message).assumingMemoryBound(to: Message.self)
    }
}

/// Text of a message: what is not UTF-8 is replaced; nothing behind a NUL.
func text(_ string: UnsafeMutablePointer<CChar>?) -> String {
    string.map { String(cString: $0) } ?? ""
}

extension ProtobufCBinaryData {
    /// The bytes, valid as long as the message is.
    var buffer: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: data, count: data == nil ? 0 : len)
    }

    init(_ bytes: UnsafeRawBufferPointer) {
        let start = UnsafeMutableRawPointer(mutating: bytes.baseAddress)
        self.init(len: bytes.count, data: start?.assumingMemoryBound(to: UInt8.self))
    }
}
