/// Texts that do not change from event to event, prepared once and copied from then on.
struct LiteralArena {
    /// A text of the arena.
    struct Literal: BitwiseCopyable {
        var offset: UInt32 = 0
        var count: UInt32 = 0
    }

    private var bytes: [UInt8] = []

    /// Bytes of all texts together.
    var byteCount: Int { bytes.count }

    mutating func add(_ text: String) -> Literal {
        add { $0.append(contentsOf: text.utf8) }
    }

    mutating func add(_ body: (inout [UInt8]) -> Void) -> Literal {
        let offset = bytes.count
        body(&bytes)
        // Metadata is far smaller than 4 GiB; should it not be, texts that do not fit are empty.
        guard let start = UInt32(exactly: offset), let count = UInt32(exactly: bytes.count - offset) else {
            bytes.removeSubrange(offset...)
            return Literal()
        }
        return Literal(offset: start, count: count)
    }

    /// Copies the texts to memory of their own, with sixteen bytes after the last one.
    /// - Returns: memory that the caller frees.
    func allocated() -> UnsafeMutablePointer<UInt8> {
        let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes.count + 16)
        memory.initialize(repeating: 0, count: bytes.count + 16)
        for (index, byte) in bytes.enumerated() { memory[index] = byte }
        return memory
    }
}

/// The address of nothing, for pointers that are set before they are used.
func nowhere<Pointee>() -> UnsafeMutablePointer<Pointee> {
    // A number that is not zero is an address.
    UnsafeMutablePointer(bitPattern: 64).unsafelyUnwrapped
}

/// Copies `elements` to memory of their own, which the caller frees.
func allocated<Element: BitwiseCopyable>(_ elements: [Element]) -> UnsafeMutablePointer<Element> {
    let memory = UnsafeMutablePointer<Element>.allocate(capacity: max(elements.count, 1))
    for (index, element) in elements.enumerated() { (memory + index).initialize(to: element) }
    return memory
}
