/// How well it is known how a clock stands to another.
package enum ClockQuality: UInt8, Sendable, CaseIterable {
    /// Nothing is known, or nothing any more.
    case absent = 1
    /// Bounded from one side only.
    case oneSided
    /// Bounded from both sides; of the drift is known only what clocks do at most.
    case approximate
    /// Bounded from both sides, and so is the drift.
    case accurate
    /// What was measured contradicts itself; what is said is the last that was sound.
    case failed
}

/// How a host's clock stands to another clock. Takes the place of what was said of the same two clocks before.
package struct ClockReport: Sendable, Equatable {
    package var relay: String
    package var host: String
    /// The clock's UUID in its canonical form; empty where it has none.
    package var clock: String
    /// Whose clock it is compared with: another host's, or the coordinator's where both are empty.
    package var referenceRelay: String
    package var referenceHost: String
    package var quality: ClockQuality
    /// The host's time, as its traces say it, minus the other's is at least and at most this, nanoseconds; nil: not
    /// known.
    package var lowerNs: Int64?
    package var upperNs: Int64?
    /// What it gains on the other, nanoseconds a second, plus or minus `driftErrorPpb`; nil: not known.
    package var driftPpb: Int64?
    package var driftErrorPpb: UInt64
    /// How far it has jumped since the report before, nanoseconds, plus or minus `stepErrorNs`; nil: it has not.
    package var stepNs: Int64?
    package var stepErrorNs: UInt64
    /// What is added to its timestamps from now on, nanoseconds, by configuration or by measurement.
    package var correctionNs: Int64
    /// How far the times of its traces are apart at the same moment, nanoseconds.
    package var spreadNs: UInt64

    package init(
        relay: String,
        host: String,
        clock: String = "",
        referenceRelay: String = "",
        referenceHost: String = "",
        quality: ClockQuality
    ) {
        self.relay = relay
        self.host = host
        self.clock = clock
        self.referenceRelay = referenceRelay
        self.referenceHost = referenceHost
        self.quality = quality
        driftErrorPpb = 0
        stepErrorNs = 0
        correctionNs = 0
        spreadNs = 0
    }

    /// Whether it is compared with the coordinator's own clock.
    package var isAgainstCoordinator: Bool { referenceRelay.isEmpty && referenceHost.isEmpty }
}

extension ViewScope {
    package func allows(_ report: ClockReport) -> Bool {
        allows(relay: report.relay, host: report.host)
            && (report.isAgainstCoordinator || allows(relay: report.referenceRelay, host: report.referenceHost))
    }
}
