import CTF
import Feed

/// The most that may be added to the times of a stream that are still to come.
///
/// The times of a clock are corrected by one function of the clock's time, which changes in slopes: a `.clock` record
/// says where a slope leads before any time on it comes. A packet says what holds for its own times only, which may lie
/// before the slope, on it or behind it. So until a packet has come that lies behind it, either end of it may hold.
struct CorrectionBound: Sendable, Equatable {
    /// Nanoseconds.
    private(set) var mostNs: Int64
    /// What the clock was last said to be corrected by in the end, nanoseconds; nil where nothing was said.
    private var toldNs: Int64?

    /// - Parameters:
    ///   - correction: of the stream's last packet.
    ///   - toldNs: what its clock was said to be corrected by since, or before.
    init(_ correction: TimeCorrection, toldNs: Int64?) {
        self.toldNs = toldNs
        mostNs = .min
        passed(correction)
    }

    /// A packet has come.
    mutating func passed(_ correction: TimeCorrection) {
        let ownNs = max(correction.offsetNs, correction.endOffsetNs)
        guard let toldNs, !correction.isConstant || correction.offsetNs != toldNs else {
            mostNs = ownNs
            return
        }
        // It lies before some slope: what was told since holds as well.
        mostNs = max(mostNs, ownNs, toldNs)
    }

    /// Its clock is corrected by another amount in the end. Records leave at once, events when their time has come: any
    /// of the amounts that were told since may still hold.
    mutating func told(_ correctionNs: Int64) {
        guard correctionNs != toldNs else { return }
        mostNs = max(mostNs, correctionNs)
        toldNs = correctionNs
    }
}

/// Which clock a correction is of: a host's, as its traces name it.
struct CorrectedClock: Hashable, Sendable {
    let relay: String
    let host: String
    /// The clock's UUID in its canonical form; empty where it has none.
    let clock: String

    init(_ report: ClockReport) {
        relay = report.relay
        host = report.host
        clock = report.clock
    }

    init(_ trace: FeedTrace, _ traceClass: TraceClass) {
        relay = trace.relay
        host = trace.host
        clock = traceClass.clocks.first?.uuid?.description ?? ""
    }
}
