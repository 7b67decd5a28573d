/// A place between two event records of a packet: all that must be known to go on decoding there.
@frozen @usableFromInline
package struct EventCursor: BitwiseCopyable, Sendable, Equatable {
    /// Where the next event begins, bits from the packet's start, before its header's alignment.
    @usableFromInline package var positionBits: UInt64
    /// The clock's value before the next event's timestamp is read, cycles.
    @usableFromInline package var clockCycles: UInt64

    @inlinable
    package init(positionBits: UInt64, clockCycles: UInt64) {
        self.positionBits = positionBits
        self.clockCycles = clockCycles
    }
}
