/// Part of a packet's bytes in memory, addressed by byte numbers counted from the packet's start.
///
/// A view: whoever makes it keeps the memory alive while it is used. Nothing outside of the covered range is ever read.
@frozen @usableFromInline
package struct PacketBytes: BitwiseCopyable {
    @usableFromInline let start: UnsafeRawPointer
    /// The packet's byte that `start` points at.
    @usableFromInline package let firstByte: Int
    /// Bytes in memory.
    @usableFromInline package let count: Int

    /// - Parameters:
    ///   - bytes: the memory.
    ///   - firstByte: which byte of the packet it begins with, 0 ... 2^56.
    @inlinable
    package init(_ bytes: UnsafeRawBufferPointer, firstByte: Int = 0) {
        precondition(firstByte >= 0 && firstByte <= 1 << 56 && bytes.count <= 1 << 56)
        // An empty buffer may have no address; any will do, since nothing is read.
        start = bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 8).unsafelyUnwrapped
        self.firstByte = firstByte
        count = bytes.count
    }

    /// The end of the covered range, bits from the packet's start.
    @inlinable
    package var endBits: UInt64 {
        // Below 2^60: both parts are at most 2^56 bytes.
        UInt64(truncatingIfNeeded: firstByte &+ count) &<< 3
    }
}
