import Glibc
import NIOCore
import NIOPosix

/// What went wrong with a socket or a file, in words for people.
package func describe(_ error: any Error) -> String {
    switch error {
    case let error as IOError:
        return systemText(error.errnoCode)
    case ChannelError.connectTimeout(let after):
        return "no answer within \(after.nanoseconds / 1_000_000) ms"
    case SocketAddressError.unknown(let host, _):
        return "the host name \(host) does not resolve"
    case let error as SocketAddressError.UnknownHost:
        return "the host name \(error.host) does not resolve"
    case let error as NIOConnectionError:
        if error.connectionErrors.isEmpty { return "the host name \(error.host) does not resolve" }
        // A host with several addresses may fail in several ways; the last one is of the address tried last, IPv4.
        var reasons: [String] = []
        for reason in error.connectionErrors.map({ describe($0.error) }) where !reasons.contains(reason) {
            reasons.append(reason)
        }
        return reasons.joined(separator: "; ")
    default:
        return "\(error)"
    }
}

/// The system's words for an error number.
func systemText(_ code: Int32) -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard strerror_r(code, &buffer, buffer.count) == 0 else { return "error \(code)" }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
