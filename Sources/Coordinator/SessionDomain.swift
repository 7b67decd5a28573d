import CTF

/// What tells the domains of one tracing session from two sessions of the same name.
///
/// A sessiond session has one relay session for each of its consumers (kernel, ust32, ust64), all with the same host
/// name and name. They are one session if they are listed at the same time, differ in domain or bitness, and say the
/// same creation time; otherwise two machines share a host name, or a session was destroyed and made anew.
struct SessionDomain: Equatable {
    /// `env.domain`: `kernel` or `ust`.
    var domain: String
    /// `env.architecture_bit_width`; nil for the kernel.
    var bitWidth: Int64?
    /// `env.trace_creation_datetime`.
    var creationTime: String?

    init(domain: String, bitWidth: Int64?, creationTime: String?) {
        self.domain = domain
        self.bitWidth = bitWidth
        self.creationTime = creationTime
    }

    /// - Returns: nil when the metadata does not name its domain.
    init?(_ traceClass: TraceClass) {
        guard case .text(let domain)? = traceClass.environmentValue("domain") else { return nil }
        self.domain = domain
        if case .integer(let width)? = traceClass.environmentValue("architecture_bit_width") { bitWidth = width }
        if case .text(let time)? = traceClass.environmentValue("trace_creation_datetime") { creationTime = time }
    }

    /// Whether both are domains of one session, given that they have its names and are listed at the same time.
    func isSibling(of other: SessionDomain) -> Bool {
        guard let creationTime, creationTime == other.creationTime else { return false }
        return domain != other.domain || bitWidth != other.bitWidth
    }

    /// For people: `kernel`, `ust, 64 bit`.
    var description: String {
        bitWidth.map { "\(domain), \($0) bit" } ?? domain
    }
}
