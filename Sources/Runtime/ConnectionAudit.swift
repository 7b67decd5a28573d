import Logging
import TLS

/// The audit of one connection: that it was let in, or refused, and that it has left, in one line each.
///
/// The lines are log lines whose metadata has `audit`: `connect`, `refuse` or `leave`, with `peer` (the address),
/// `identity` (the names of its certificate), `serial` and `fingerprint` (SHA-256) of the certificate as far as the
/// peer has shown one, and `reason`. A certificate that was refused is named as it was shown: nothing in it is proven.
struct ConnectionAudit {
    private let logger: Logger
    /// Address and port of the other side.
    var peer = "?"
    /// What the other side has shown.
    var certificate: PeerCertificate?
    private var isAdmitted = false
    private var isOver = false

    init(logger: Logger) { self.logger = logger }

    /// It is let in as a subscriber.
    mutating func admitted(start: String) {
        isAdmitted = true
        say(.info, "subscriber", "connect", ["start": "\(start)"])
    }

    /// It is refused, or is over: said once, by whoever knows first.
    mutating func ended(_ level: Logger.Level, _ message: Logger.Message, reason: String) {
        guard !isOver else { return }
        isOver = true
        say(level, message, isAdmitted ? "leave" : "refuse", ["reason": "\(reason)"])
    }

    /// It has gone by itself.
    mutating func left(reason: String) {
        guard !isOver else { return }
        isOver = true
        say(.info, isAdmitted ? "subscriber has left" : "connection closed", "leave", ["reason": "\(reason)"])
    }

    /// The names of its certificate; `?` before it has shown one.
    var identity: String { certificate?.identities.joined(separator: ",") ?? "?" }

    /// Peer and identity, for other lines about it.
    var metadata: Logger.Metadata {
        ["peer": "\(peer)", "identity": "\(identity)"]
    }

    private func say(
        _ level: Logger.Level,
        _ message: Logger.Message,
        _ audit: String,
        _ details: Logger.Metadata
    ) {
        var all = metadata.merging(details) { _, new in new }
        all["audit"] = "\(audit)"
        if let certificate {
            all["serial"] = "\(certificate.serialNumber)"
            all["fingerprint"] = "\(certificate.fingerprint)"
        }
        logger.log(level: level, message, metadata: all)
    }
}
