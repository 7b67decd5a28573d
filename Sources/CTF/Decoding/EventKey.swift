/// What order needs to know of an event record: when, and where it starts. Values stay in the packet.
@frozen @usableFromInline
package struct EventKey: BitwiseCopyable, Sendable, Equatable {
    /// Nanoseconds from the clock's origin (the Unix epoch for LTTng), after any correction.
    @usableFromInline package var timestampNs: Int64
    /// Where the event's header begins, in bits from the packet's start.
    @usableFromInline package var startBits: UInt64

    @inlinable
    package init(timestampNs: Int64, startBits: UInt64) {
        self.timestampNs = timestampNs
        self.startBits = startBits
    }
}
