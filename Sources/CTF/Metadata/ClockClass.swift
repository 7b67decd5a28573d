/// A clock of a trace (CTF 1.8, section 8): counts cycles from an offset to an origin.
package struct ClockClass: Sendable, Equatable {
    package var name: String
    package var uuid: TraceUUID?
    /// Cycles a second, at least 1.
    package var frequencyHz: UInt64
    /// The clock's zero, in seconds after the origin.
    package var offsetSeconds: Int64
    /// To be added to `offsetSeconds`, in cycles.
    package var offsetCycles: UInt64
    /// Uncertainty in cycles.
    package var precisionCycles: UInt64
    /// Whether the origin is the Unix epoch: `absolute` clocks, and LTTng's `monotonic`, which babeltrace2 takes for
    /// one.
    package var originIsUnixEpoch: Bool
    package var description: String?

    package init(
        name: String,
        uuid: TraceUUID? = nil,
        frequencyHz: UInt64 = 1_000_000_000,
        offsetSeconds: Int64 = 0,
        offsetCycles: UInt64 = 0,
        precisionCycles: UInt64 = 0,
        originIsUnixEpoch: Bool = false,
        description: String? = nil
    ) {
        self.name = name
        self.uuid = uuid
        self.frequencyHz = frequencyHz
        self.offsetSeconds = offsetSeconds
        self.offsetCycles = offsetCycles
        self.precisionCycles = precisionCycles
        self.originIsUnixEpoch = originIsUnixEpoch
        self.description = description
    }
}
