package import ConfigurationFile
package import Feed
import Synchronization
package import TLS

/// Who may ask by HTTP, and what protects it. A reload replaces it as a whole.
package final class HTTPAccess: Sendable {
    /// As it was in the configuration and its files at one moment.
    package struct Grant: Sendable {
        /// Nil: without TLS.
        package let tls: TLSContext?
        /// Ours; nil without TLS.
        private let certificate: PeerCertificate?
        private let asksForCertificate: Bool
        private let token: [UInt8]?
        private let rules: [AllowRule]
        /// What of it runs out.
        let expiries: [FeedCredentials.Expiry]

        /// Reads the files.
        init(_ http: Configuration.HTTP, _ feed: Configuration.Feed, file: String) throws(CredentialsError) {
            token = http.token.map { Array($0.utf8) }
            asksForCertificate = http.clientAuthorityFile != nil
            rules = feed.allow.map { AllowRule($0) }
            guard let pair = http.certificate else {
                (tls, certificate, expiries) = (nil, nil, [])
                return
            }
            var problems = FeedCredentials.Problems(file: file)
            let trust = Self.trust(http, &problems)
            do throws(TLSError) {
                let identity = try TLSIdentity(certificateFile: pair.certificateFile, keyFile: pair.keyFile)
                try identity.checkValidity()
                var options = TLSOptions()
                // Scrapers offer what they like: whatever it is, HTTP/1.1 is spoken.
                options.applicationProtocols = []
                options.allowsTLS12 = feed.tlsVersion == .v12
                tls = try TLSContext(server: identity, clientTrust: trust, options: options)
                certificate = identity.certificate
                expiries =
                    [FeedCredentials.Expiry(identity)]
                    + (trust.flatMap { FeedCredentials.Expiry($0) }.map { [$0] } ?? [])
            } catch {
                problems.add(error.isAboutKey(of: pair) ? "http.key" : "http.certificate", error)
                throw problems.error
            }
            guard problems.found.isEmpty else { throw problems.error }
        }

        private static func trust(_ http: Configuration.HTTP, _ problems: inout FeedCredentials.Problems) -> TLSTrust? {
            guard let authority = http.clientAuthorityFile else { return nil }
            do throws(TLSError) {
                let trust = try TLSTrust(file: authority, revocationListFiles: http.revocationListFiles)
                try trust.checkValidity()
                return trust
            } catch {
                let number = http.revocationListFiles.firstIndex { error.isAbout($0) }
                problems.add(number.map { "http.crl[\($0)]" } ?? "http.client-ca", error)
                return nil
            }
        }

        /// Whether a name is ours: by others a page could reach us through the browser of someone who may.
        /// - Parameter host: a name, no address.
        package func isOurName(_ host: String) -> Bool { certificate?.isFor(host: host) ?? false }

        /// Decides about a request.
        /// - Parameters:
        ///   - peer: what the client has shown in TLS, verified.
        ///   - authorization: the request's header of that name.
        package func admits(_ peer: PeerCertificate?, authorization: String?) -> Admission {
            if let token {
                guard let given = Self.bearer(authorization) else { return .unknown }
                return Self.areEqual(token, Array(given.utf8)) ? .admitted(.full) : .unknown
            }
            guard asksForCertificate else { return .admitted(.full) }
            guard let peer, let scope = ViewScope(peer: PeerIdentity(peer), rules: rules) else { return .forbidden }
            return .admitted(scope)
        }

        private static func bearer(_ authorization: String?) -> Substring? {
            guard let parts = authorization?.split(separator: " ", maxSplits: 1), parts.count == 2,
                parts[0].lowercased() == "bearer"
            else { return nil }
            return parts[1]
        }

        /// Compares in a time that tells nothing of where they differ.
        private static func areEqual(_ secret: [UInt8], _ given: [UInt8]) -> Bool {
            var difference = secret.count ^ given.count
            for index in secret.indices {
                difference |= Int(secret[index] ^ (given.isEmpty ? 0 : given[index % given.count]))
            }
            return difference == 0
        }
    }

    package enum Admission: Sendable, Equatable {
        /// It may see so much.
        case admitted(ViewScope)
        /// It has not shown the token.
        case unknown
        /// No rule names it.
        case forbidden
    }

    private let grant: Mutex<Grant>

    init(_ grant: Grant) {
        self.grant = Mutex(grant)
    }

    package var current: Grant { grant.withLock { $0 } }

    func replace(_ new: Grant) {
        grant.withLock { $0 = new }
    }

    /// Looks at the files, as `serve` would.
    /// - Parameter file: the configuration file's name, for messages.
    /// - Returns: all that is wrong with them.
    package static func problems(of configuration: Configuration, file: String) -> [ConfigurationProblem] {
        guard let http = configuration.http else { return [] }
        do throws(CredentialsError) {
            _ = try Grant(http, configuration.feed, file: file)
            return []
        } catch {
            return error.problems
        }
    }
}

extension Configuration.HTTP {
    /// All files that its credentials are read from.
    var credentialFiles: [String] {
        (certificate.map { [$0.certificateFile, $0.keyFile] } ?? []) + (clientAuthorityFile.map { [$0] } ?? [])
            + revocationListFiles
    }
}

extension PeerIdentity {
    /// The names that rules are matched with, of a certificate that has been verified.
    init(_ certificate: PeerCertificate?) {
        self.init(
            alternativeNames: certificate.map { $0.hasAlternativeNames ? $0.uris + $0.dnsNames : [] } ?? [],
            commonName: certificate?.hasAlternativeNames == false ? certificate?.commonName : nil
        )
    }
}
