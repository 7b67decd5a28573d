internal import COpenSSL

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// The authorities whose signature we accept, and what they have revoked. Immutable.
package final class TLSTrust: Sendable {
    let authorities: [CertificateHandle]
    /// Not empty: each peer's issuers, but for those trusted as they stand, must have one that is up to date.
    let revocationLists: [RevocationListHandle]
    private let fileOfList: [String]

    /// Reads every certificate of a PEM file; each is trusted as it stands, an intermediate one too.
    /// - Parameter revocationListFiles: PEM files of revocation lists (CRL), of which each holds one or more.
    /// - Throws: `.file(path:_)`: unreadable, no certificate or list in it.
    package init(file: String, revocationListFiles: [String] = []) throws(TLSError) {
        authorities = try PEMFile(file).certificates()
        var lists: [RevocationListHandle] = []
        var files: [String] = []
        for file in revocationListFiles {
            let found = try PEMFile(file).revocationLists()
            lists += found
            files += found.map { _ in file }
        }
        revocationLists = lists
        fileOfList = files
    }

    /// When the first of the revocation lists is out of date, seconds since the Unix epoch, and its file; nil where
    /// there is none, or none says.
    package var nextUpdate: (seconds: Int64, file: String)? {
        zip(revocationLists, fileOfList).compactMap { list, file in
            X509_CRL_get0_nextUpdate(list.pointer).map { (seconds: ASN1Time.seconds($0), file: file) }
        }.min { $0.seconds < $1.seconds }
    }

    /// With a revocation list that is out of date every client of its authority is refused: check first.
    /// - Parameter secondsSinceEpoch: the moment to check for; nil means the system's clock now.
    /// - Throws: `.file` with `.revocationListExpired` or `.revocationListNotYetValid`.
    package func checkValidity(at secondsSinceEpoch: Int64? = nil) throws(TLSError) {
        let moment = secondsSinceEpoch ?? Int64(time(nil))
        for (list, file) in zip(revocationLists, fileOfList) {
            let lastUpdate = ASN1Time.seconds(X509_CRL_get0_lastUpdate(list.pointer))
            if moment < lastUpdate {
                throw TLSError(.file(path: file, .revocationListNotYetValid(lastUpdate: lastUpdate)))
            }
            guard let next = X509_CRL_get0_nextUpdate(list.pointer) else { continue }
            let nextUpdate = ASN1Time.seconds(next)
            if moment > nextUpdate {
                throw TLSError(.file(path: file, .revocationListExpired(nextUpdate: nextUpdate)))
            }
        }
    }
}
