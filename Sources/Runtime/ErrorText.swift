import Glibc
import NIOCore
import NIOPosix

/// What went wrong with a socket or a file, in words for people.
func describe(_ error: any Error) -> String {
    switch error {
    case let error as IOError:
        return String(cString: strerror(error.errnoCode))
    case ChannelError.connectTimeout(let after):
        return "no answer within \(after.nanoseconds / 1_000_000) ms"
    case let error as NIOConnectionError:
        if error.dnsAError != nil || error.dnsAAAAError != nil, error.connectionErrors.isEmpty {
            return "the host name \(error.host) does not resolve"
        }
        guard let first = error.connectionErrors.first else { return "cannot connect" }
        return describe(first.error)
    default:
        return "\(error)"
    }
}
