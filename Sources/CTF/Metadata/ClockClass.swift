/// What tells a class from others, also from those of other traces (CTF 2).
package struct ClassIdentity: Sendable, Hashable {
    package var namespace: String?
    package var name: String?
    package var uid: String?

    package init(namespace: String? = nil, name: String? = nil, uid: String? = nil) {
        self.namespace = namespace
        self.name = name
        self.uid = uid
    }
}

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
    /// Random error in cycles.
    package var precisionCycles: UInt64
    /// Systematic error in cycles; CTF 1.8 does not tell it.
    package var accuracyCycles: UInt64
    /// Whether the origin is the Unix epoch: `absolute` clocks, and LTTng's `monotonic`, which babeltrace2 takes for
    /// one.
    package var originIsUnixEpoch: Bool
    /// CTF 2: what the origin is, where it is not the Unix epoch.
    package var origin: ClassIdentity?
    /// CTF 2: what the clock is.
    package var identity: ClassIdentity
    package var description: String?
    /// CTF 2.
    package var attributes: [ClassAttribute]

    package init(
        name: String,
        uuid: TraceUUID? = nil,
        frequencyHz: UInt64 = 1_000_000_000,
        offsetSeconds: Int64 = 0,
        offsetCycles: UInt64 = 0,
        precisionCycles: UInt64 = 0,
        accuracyCycles: UInt64 = 0,
        originIsUnixEpoch: Bool = false,
        origin: ClassIdentity? = nil,
        identity: ClassIdentity = ClassIdentity(),
        description: String? = nil,
        attributes: [ClassAttribute] = []
    ) {
        self.name = name
        self.uuid = uuid
        self.frequencyHz = frequencyHz
        self.offsetSeconds = offsetSeconds
        self.offsetCycles = offsetCycles
        self.precisionCycles = precisionCycles
        self.accuracyCycles = accuracyCycles
        self.originIsUnixEpoch = originIsUnixEpoch
        self.origin = origin
        self.identity = identity
        self.description = description
        self.attributes = attributes
    }
}
