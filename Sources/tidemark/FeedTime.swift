import ArgumentParser
import Coordinator
import Feed
import Runtime

/// A place in a feed as the commands' `--from` and `--to` name it: its beginning, now, or a time.
enum FeedTime: ExpressibleByArgument, Equatable {
    case earliest
    case latest
    /// Nanoseconds since the Unix epoch.
    case at(ns: Int64)

    init?(argument: String) {
        switch argument {
        case "earliest", "beginning": self = .earliest
        case "latest", "now": self = .latest
        default:
            guard let time = Timestamp(rfc3339: argument) else { return nil }
            self = .at(ns: time.nanoseconds)
        }
    }

    var nanoseconds: Int64? { if case .at(let ns) = self { ns } else { nil } }

    var relayStart: RelaySource.Start {
        switch self {
        case .earliest: .beginning
        case .latest: .now
        case .at(let ns): .at(ns: ns)
        }
    }

    /// Files are there as a whole: what is in them was not traced now.
    var storedStart: RelaySource.Start { self == .latest ? .beginning : relayStart }

    var subscriptionStart: SubscriptionStart {
        switch self {
        case .earliest: .earliest
        case .latest: .latest
        case .at(let ns): .time(ns: ns)
        }
    }

    var defaultValueDescription: String { "\(self)" }
}
