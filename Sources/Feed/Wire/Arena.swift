import CFeedSchema

/// Memory for the structs of one message, taken and given back at once.
///
/// protobuf-c wants a struct for each message inside a message. They come from here by moving a pointer; `reset`
/// gives all of them back. After a few messages the memory is one piece that is large enough, and nothing is
/// allocated any more. Also protobuf-c's allocator when it unpacks, with a limit, so that a small hostile message
/// cannot take much memory. Not thread-safe: one machine, itself confined to one thread at a time, owns it. That is
/// what `@unchecked Sendable` stands for.
final class Arena: @unchecked Sendable {
    private var chunk: UnsafeMutableRawBufferPointer
    private var used = 0
    /// Chunks that were too small, with structs in them.
    private var full: [UnsafeMutableRawBufferPointer] = []
    private var fullBytes = 0
    private let limitBytes: Int
    /// Whether the limit has refused something since the last reset.
    private(set) var isExhausted = false
    private let keptBytes: Int
    private static let alignment = 16

    /// - Parameters:
    ///   - limitBytes: what may be taken between two resets.
    ///   - keptBytes: what a reset keeps for the next message.
    init(limitBytes: Int = .max, firstBytes: Int = 16 << 10, keptBytes: Int = 8 << 20) {
        self.limitBytes = limitBytes
        self.keptBytes = keptBytes
        chunk = .allocate(byteCount: firstBytes, alignment: Arena.alignment)
    }

    deinit {
        chunk.deallocate()
        full.forEach { $0.deallocate() }
    }

    /// Bytes taken since the last reset, rounding included.
    var takenBytes: Int { fullBytes + used }

    /// Gives all memory back. Pointers into the arena are invalid from now on.
    func reset() {
        used = 0
        isExhausted = false
        guard !full.isEmpty else { return }
        let wanted = min(fullBytes + chunk.count, keptBytes)
        full.forEach { $0.deallocate() }
        full.removeAll(keepingCapacity: true)
        fullBytes = 0
        chunk.deallocate()
        chunk = .allocate(byteCount: wanted, alignment: Arena.alignment)
    }

    /// - Returns: aligned memory with any content; nil beyond the limit.
    func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer? {
        guard byteCount >= 0, byteCount <= limitBytes - min(takenBytes, limitBytes) else {
            isExhausted = true
            return nil
        }
        return take(byteCount)
    }

    /// Memory for our own structs, whose number the caller has bounded.
    func take(_ byteCount: Int) -> UnsafeMutableRawPointer {
        let rounded = (byteCount + Arena.alignment - 1) & ~(Arena.alignment - 1)
        if rounded > chunk.count - used { grow(rounded) }
        defer { used += rounded }
        return chunk.baseAddress.unsafelyUnwrapped + used
    }

    private func grow(_ byteCount: Int) {
        full.append(chunk)
        fullBytes += used
        let size = max(byteCount, min(2 * chunk.count, 64 << 20))
        chunk = .allocate(byteCount: size, alignment: Arena.alignment)
        used = 0
    }
}

extension Arena {
    /// A message of the schema, initialised by its own function.
    func make<Message>(_ initialize: (UnsafeMutablePointer<Message>?) -> Void) -> UnsafeMutablePointer<Message> {
        let message = take(MemoryLayout<Message>.size).bindMemory(to: Message.self, capacity: 1)
        initialize(message)
        return message
    }

    /// Uninitialised memory for `count` values.
    func array<Element: BitwiseCopyable>(of: Element.Type, count: Int) -> UnsafeMutablePointer<Element> {
        take(count * MemoryLayout<Element>.stride).bindMemory(to: Element.self, capacity: count)
    }

    /// Pointers to messages, as protobuf-c wants them.
    func pointers<Message>(count: Int) -> UnsafeMutablePointer<UnsafeMutablePointer<Message>?> {
        let bytes = take(count * MemoryLayout<UnsafeRawPointer>.stride)
        return bytes.bindMemory(to: UnsafeMutablePointer<Message>?.self, capacity: count)
    }

    /// A copy of `text` that ends with NUL; nil, which stands for the empty string, when it is empty.
    func string(_ text: String) -> UnsafeMutablePointer<CChar>? {
        var text = text
        return text.withUTF8 { string(UnsafeRawBufferPointer($0)) }
    }

    /// A copy of UTF-8 bytes that ends with NUL.
    func string(_ utf8: UnsafeRawBufferPointer) -> UnsafeMutablePointer<CChar>? {
        guard let base = utf8.baseAddress, !utf8.isEmpty else { return nil }
        let copy = take(utf8.count + 1)
        copy.copyMemory(from: base, byteCount: utf8.count)
        copy.storeBytes(of: 0, toByteOffset: utf8.count, as: UInt8.self)
        return copy.bindMemory(to: CChar.self, capacity: utf8.count + 1)
    }

    /// A copy of bytes.
    func bytes(_ source: UnsafeRawBufferPointer) -> ProtobufCBinaryData {
        guard let base = source.baseAddress, !source.isEmpty else { return ProtobufCBinaryData() }
        let copy = take(source.count)
        copy.copyMemory(from: base, byteCount: source.count)
        return ProtobufCBinaryData(len: source.count, data: copy.bindMemory(to: UInt8.self, capacity: source.count))
    }

    /// Runs `body` with the arena as protobuf-c's allocator. Freeing does nothing: `reset` does.
    func withAllocator<Result>(_ body: (UnsafeMutablePointer<ProtobufCAllocator>) -> Result) -> Result {
        var allocator = ProtobufCAllocator(
            alloc: { arena, byteCount in
                guard let arena else { return nil }
                return Unmanaged<Arena>.fromOpaque(arena).takeUnretainedValue().allocate(byteCount)
            },
            free: { _, _ in },
            allocator_data: Unmanaged.passUnretained(self).toOpaque()
        )
        return withExtendedLifetime(self) { body(&allocator) }
    }
}
