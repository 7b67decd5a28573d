/// Bytes that one part fills and others then share: a packet's, or those of a received frame.
///
/// Memory is taken once, never grows, and is freed with the last reference. Whoever created the storage fills it before
/// passing it on; from then on it is only read. That hand-over is the confinement which `@unchecked Sendable` stands
/// for.
package final class ByteStorage: @unchecked Sendable {
    /// Bytes that fit.
    package let capacity: Int
    private let start: UnsafeMutableRawPointer

    /// - Parameter capacity: in bytes; the caller has bounded it. Zero is allowed.
    package init(capacity: Int) {
        precondition(capacity >= 0)
        self.capacity = capacity
        // Eight bytes more than asked for, so that a decoder may load a whole word that begins at the last byte.
        start = UnsafeMutableRawPointer.allocate(byteCount: capacity + 8, alignment: 16)
        (start + capacity).initializeMemory(as: UInt8.self, repeating: 0, count: 8)
    }

    /// Storage that `body` fills, whole or in part.
    package convenience init(capacity: Int, filledBy body: (UnsafeMutableRawBufferPointer) -> Void) {
        self.init(capacity: capacity)
        body(UnsafeMutableRawBufferPointer(start: start, count: capacity))
    }

    deinit {
        start.deallocate()
    }

    /// Copies `source` to `offset`.
    /// - Precondition: `offset + source.count <= capacity`.
    package func write(_ source: UnsafeRawBufferPointer, at offset: Int) {
        precondition(offset >= 0 && offset <= capacity && source.count <= capacity - offset)
        guard let base = source.baseAddress else { return }
        (start + offset).copyMemory(from: base, byteCount: source.count)
    }

    /// The bytes. Valid as long as the storage is.
    package var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: start, count: capacity)
    }
}
