/// How well it is known how a clock stands to another.
package enum SyncQuality: UInt8, Sendable, CaseIterable {
    /// Nothing is known, or nothing any more.
    case absent = 1
    /// Bounded from one side only.
    case oneSided
    /// Bounded from both sides; of the drift is known only what clocks do at most.
    case approximate
    /// Bounded from both sides, and so is the drift.
    case accurate
    /// What was measured contradicts itself: a clock was set, or drifts more than clocks do. What is said is the last
    /// that was sound.
    case failed
}

/// How much a clock gains on another.
package struct ClockDrift: Sendable, Equatable {
    /// Nanoseconds a second: 1000 are 1 ppm.
    package var ppb: Int64
    /// The true drift is `ppb` plus or minus this, >= 0.
    package var errorPpb: Int64

    package init(ppb: Int64, errorPpb: Int64) {
        self.ppb = ppb
        self.errorPpb = errorPpb
    }
}

/// A jump of a clock against another.
package struct ClockStep: Sendable, Equatable {
    /// How far it jumped, nanoseconds; > 0: forward.
    package var stepNs: Int64
    /// How far that may be off, nanoseconds, >= 0: what varied before and after.
    package var errorNs: Int64

    package init(stepNs: Int64, errorNs: Int64) {
        self.stepNs = stepNs
        self.errorNs = errorNs
    }
}

/// What is known of how a clock stands to another.
package struct ClockEstimate: Sendable, Equatable {
    package var quality: SyncQuality
    /// The clock minus the other is at least and at most this, nanoseconds; nil: not known.
    package var lowerNs: Int64?
    package var upperNs: Int64?
    package var drift: ClockDrift?

    package init(quality: SyncQuality, lowerNs: Int64? = nil, upperNs: Int64? = nil, drift: ClockDrift? = nil) {
        self.quality = quality
        self.lowerNs = lowerNs
        self.upperNs = upperNs
        self.drift = drift
    }
}

extension Int64 {
    /// The sum, or the nearest number that there is.
    package func addingSaturating(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }

    /// The difference, or the nearest number that there is.
    package func subtractingSaturating(_ other: Int64) -> Int64 {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other < 0 ? .max : .min) : difference
    }
}
