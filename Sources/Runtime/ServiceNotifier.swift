import Glibc

/// Tells the service manager how the daemon is doing: systemd's protocol over the datagram socket of `NOTIFY_SOCKET`
/// (sd_notify). A message that cannot be sent is left out: the manager draws its conclusions.
package final class ServiceNotifier: Sendable {
    /// How long the manager waits for the next `alive`, nanoseconds; nil: it does not ask for any.
    package let watchdogNs: UInt64?
    private let descriptor: Int32
    private let address: [UInt8]

    /// - Returns: nil where no manager listens.
    package static func ofProcess() -> ServiceNotifier? {
        func value(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
        guard let socket = value("NOTIFY_SOCKET") else { return nil }
        // A process that one of ours has started is not meant.
        let isOurs = value("WATCHDOG_PID").map { $0 == "\(getpid())" } ?? true
        let microseconds = isOurs ? value("WATCHDOG_USEC").flatMap { UInt64($0) } : nil
        return ServiceNotifier(socket: socket, watchdogNs: microseconds.map { $0.multipliedClamped(by: 1_000) })
    }

    /// - Parameter socket: a path, or `@` and the name of an abstract socket.
    /// - Returns: nil where it cannot be the name of a socket.
    package init?(socket: String, watchdogNs: UInt64?) {
        var bytes = Array(socket.utf8)
        guard let first = bytes.first, first == UInt8(ascii: "/") || first == UInt8(ascii: "@"), !bytes.contains(0),
            bytes.count < MemoryLayout.size(ofValue: sockaddr_un().sun_path)
        else { return nil }
        if first == UInt8(ascii: "@") { bytes[0] = 0 } else { bytes.append(0) }
        let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        self.descriptor = descriptor
        address = bytes
        self.watchdogNs = watchdogNs.flatMap { $0 > 0 ? $0 : nil }
    }

    deinit { close(descriptor) }

    /// The service is up, or has reloaded.
    package func ready(status: String) { send("READY=1\nSTATUS=\(status)") }

    /// A reload begins; `ready` ends it, whatever came of it.
    package func reloading() {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let microseconds = Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
        send("RELOADING=1\nMONOTONIC_USEC=\(microseconds)")
    }

    /// The service is about to end.
    package func stopping() { send("STOPPING=1") }

    /// It still does its work: to be said more often than every `watchdogNs`.
    package func alive() { send("WATCHDOG=1") }

    private func send(_ message: String) {
        var target = sockaddr_un()
        target.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &target.sun_path) { $0.copyBytes(from: address) }
        let offset = MemoryLayout<sockaddr_un>.offset(of: \sockaddr_un.sun_path) ?? 2
        let length = socklen_t(offset + address.count)
        let text = Array(message.utf8)
        _ = withUnsafePointer(to: &target) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(descriptor, text, text.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT), $0, length)
            }
        }
    }
}

extension UInt64 {
    fileprivate func multipliedClamped(by factor: UInt64) -> UInt64 {
        let (product, overflow) = multipliedReportingOverflow(by: factor)
        return overflow ? .max : product
    }
}
