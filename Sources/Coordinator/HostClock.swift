import CTF
import EventMerge
import Feed

/// A host's clock, as the traces of one relay say it: one for all traces of a host that name the same clock.
///
/// Such traces differ in their offsets only, each of which was taken when its trace began. So the clock itself is
/// watched, at the offset of the trace by which it was found first, and each trace has its distance to that.
final class HostClock {
    /// What tells clocks apart. One without a UUID is its session's own.
    struct Key: Hashable {
        var host: String
        var uuid: TraceUUID?
        var frequencyHz: UInt64
        var sessionID: UInt64?
    }

    let key: Key
    /// Of the clock among all of the feed.
    let number: Int
    let relay: String
    /// Where its zero is, nanoseconds since the Unix epoch, as the trace said that named it first.
    let baseNs: Int64
    var arrivals = ArrivalWatch()
    /// Against the coordinator's clock.
    var news = ClockNews()
    /// Against another host's, and which that was when it was told.
    var measuredNews = ClockNews()
    var toldReference: HostClock?
    /// The greatest offset of a trace that has been seen, nanoseconds after `baseNs`.
    var greatestOffsetNs: Int64 = 0
    /// What is added to its times, apart from what is configured.
    var correction = SlewedCorrection()
    /// The latest of its times that has been corrected, nanoseconds.
    var correctedNs = Int64.min
    /// The coordinator's monotonic clock when it was found, nanoseconds.
    let foundNs: UInt64

    init(key: Key, number: Int, relay: String, baseNs: Int64, foundNs: UInt64) {
        self.key = key
        self.number = number
        self.relay = relay
        self.baseNs = baseNs
        self.foundNs = foundNs
    }
}

/// A trace's own view of its host's clock.
struct TraceClock {
    let clock: HostClock
    /// Where the clock's zero is, nanoseconds since the Unix epoch, by this trace's offset.
    let baseNs: Int64

    /// Later than the times of the trace by which the clock was found, nanoseconds.
    var offsetNs: Int64 { baseNs.subtractingSaturating(clock.baseNs) }

    /// How far other traces of the host are ahead of this one at the same moment, nanoseconds, >= 0.
    var behindNs: Int64 { clock.greatestOffsetNs.subtractingSaturating(offsetNs) }

    /// A time of the trace as the trace says it that found the clock, nanoseconds since the Unix epoch.
    /// - Parameter rawNs: without correction.
    func clockNs(_ rawNs: Int64) -> Int64 { rawNs.subtractingSaturating(offsetNs) }
}
