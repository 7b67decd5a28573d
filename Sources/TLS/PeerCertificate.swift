/// Who the peer is, by its verified certificate. All names are printable: others are left out.
package struct PeerCertificate: Sendable, Equatable {
    /// Names of the extension subjectAltName, by kind, in the certificate's order.
    package let uris: [String]
    package let dnsNames: [String]
    /// The subject's common name, where there is exactly one.
    package let commonName: String?
    /// True where the certificate has a subjectAltName at all, of whatever kind.
    package let hasAlternativeNames: Bool
    /// In lower case hexadecimal, without leading zeros.
    package let serialNumber: String
    /// SHA-256 of the whole certificate, in lower case hexadecimal.
    package let fingerprint: String
    /// Validity, in seconds since the Unix epoch.
    package let notBefore: Int64
    package let notAfter: Int64

    package init(
        uris: [String],
        dnsNames: [String],
        commonName: String?,
        hasAlternativeNames: Bool,
        serialNumber: String,
        fingerprint: String,
        notBefore: Int64,
        notAfter: Int64
    ) {
        self.uris = uris
        self.dnsNames = dnsNames
        self.commonName = commonName
        self.hasAlternativeNames = hasAlternativeNames
        self.serialNumber = serialNumber
        self.fingerprint = fingerprint
        self.notBefore = notBefore
        self.notAfter = notAfter
    }

    /// Whether one of its DNS names stands for a host.
    package func isFor(host: String) -> Bool { dnsNames.contains { HostName.matches($0, host) } }

    /// The names that `allow` rules match: SAN (URI, then DNS), and the common name only where there is no SAN.
    package var identities: [String] {
        if hasAlternativeNames { return uris + dnsNames }
        return commonName.map { [$0] } ?? []
    }
}
