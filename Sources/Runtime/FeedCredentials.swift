package import ConfigurationFile
import TLS

/// The certificates of a configured feed, as they were in their files at one moment.
package struct FeedCredentials: Sendable {
    /// What connections of subscribers are made from.
    let tls: TLSContext
    /// What of it runs out, in the order of the configuration.
    let expiries: [Expiry]

    /// A certificate of the feed's own, or the first of its revocation lists to run out.
    struct Expiry: Sendable {
        let file: String
        let what: String
        /// Seconds since the Unix epoch.
        let secondsSinceEpoch: Int64
        /// It is time to warn when less than this is left, seconds.
        let noticeSeconds: Int64
    }

    /// Looks at the files, as `serve` would.
    /// - Parameter file: the configuration file's name, for messages.
    /// - Returns: all that is wrong with them.
    package static func problems(of feed: Configuration.Feed, file: String) -> [ConfigurationProblem] {
        do throws(CredentialsError) {
            _ = try FeedCredentials(of: feed, file: file)
            return []
        } catch {
            return error.problems
        }
    }

    /// Reads the files.
    init(of feed: Configuration.Feed, file: String) throws(CredentialsError) {
        var problems = Problems(file: file)
        var identities: [TLSIdentity] = []
        let plain = Configuration.ServerCertificate(certificateFile: feed.certificateFile, keyFile: feed.keyFile)
        let pairs =
            [(key: "feed", pair: plain)]
            + feed.certificates.enumerated().map { number, pair in
                (key: "feed.certificates[\(number)]", pair: pair)
            }
        for (key, pair) in pairs {
            do throws(TLSError) {
                let identity = try TLSIdentity(certificateFile: pair.certificateFile, keyFile: pair.keyFile)
                try identity.checkValidity()
                identities.append(identity)
            } catch {
                problems.add(key + (error.isAboutKey(of: pair) ? ".key" : ".certificate"), error)
            }
        }
        var trust: TLSTrust?
        do throws(TLSError) {
            // The lists are read on their own first, so that what is wrong with one is said of its key.
            _ = try TLSTrust(file: feed.clientAuthorityFile)
            trust = Self.trust(feed, &problems)
        } catch {
            problems.add("feed.client-ca", error)
        }
        guard problems.found.isEmpty, let identity = identities.first, let trust else { throw problems.error }
        var options = TLSOptions()
        options.allowsTLS12 = feed.tlsVersion == .v12
        do throws(TLSError) {
            tls = try TLSContext(
                server: identity,
                namedIdentities: Array(identities.dropFirst()),
                clientTrust: trust,
                options: options
            )
        } catch {
            let number = feed.certificates.firstIndex { error.isAbout($0.certificateFile) }
            problems.add(number.map { "feed.certificates[\($0)].certificate" } ?? "feed.certificate", error)
            throw problems.error
        }
        expiries = identities.map { Expiry($0) } + [Expiry(trust)].compactMap(\.self)
    }

    private static func trust(_ feed: Configuration.Feed, _ problems: inout Problems) -> TLSTrust? {
        do throws(TLSError) {
            let trust = try TLSTrust(
                file: feed.clientAuthorityFile,
                revocationListFiles: feed.revocationListFiles
            )
            try trust.checkValidity()
            return trust
        } catch {
            let number = feed.revocationListFiles.firstIndex { error.isAbout($0) }
            problems.add(number.map { "feed.crl[\($0)]" } ?? "feed.crl", error)
            return nil
        }
    }

    /// The mistakes found so far.
    struct Problems {
        let file: String
        private(set) var found: [ConfigurationProblem] = []

        init(file: String) { self.file = file }

        mutating func add(_ key: String, _ error: TLSError) { add(key, error.plainText) }

        mutating func add(_ key: String, _ message: String) {
            found.append(ConfigurationProblem(file: file, line: nil, key: key, message: message))
        }

        /// With the lines of the keys, where the file can still be read.
        var error: CredentialsError {
            let lines = Configuration.lines(inFile: file)
            return CredentialsError(
                problems: found.map {
                    ConfigurationProblem(file: $0.file, line: lines[$0.key], key: $0.key, message: $0.message)
                }
            )
        }
    }
}

extension FeedCredentials.Expiry {
    init(_ identity: TLSIdentity) {
        self.init(
            file: identity.certificateFile,
            what: "certificate",
            secondsSinceEpoch: identity.certificate.notAfter,
            noticeSeconds: 14 * 86_400
        )
    }

    /// - Returns: nil where it has no revocation list that says when it is out of date.
    init?(_ trust: TLSTrust) {
        guard let next = trust.nextUpdate else { return nil }
        self.init(
            file: next.file,
            what: "revocation list",
            secondsSinceEpoch: next.seconds,
            noticeSeconds: 86_400
        )
    }
}

extension Configuration.Feed {
    /// All files that its credentials are read from.
    var credentialFiles: [String] {
        [certificateFile, keyFile, clientAuthorityFile] + certificates.flatMap { [$0.certificateFile, $0.keyFile] }
            + revocationListFiles
    }
}

/// Certificates or keys that a configuration names and that cannot be used.
package struct CredentialsError: Error, Sendable, CustomStringConvertible {
    /// At least one.
    package let problems: [ConfigurationProblem]

    package init(problems: [ConfigurationProblem]) { self.problems = problems }

    package var description: String { problems.map { "\($0)" }.joined(separator: "\n") }
}

extension TLSError {
    /// For people: which file, and what is wrong with it, without the library's own words about a file.
    package var plainText: String {
        guard case .file = kind else { return "\(self)" }
        return "\(TLSError(kind))"
    }

    func isAbout(_ file: String) -> Bool {
        guard case .file(let path, _) = kind else { return false }
        return path == file
    }

    func isAboutKey(of pair: Configuration.ServerCertificate) -> Bool {
        guard case .file(_, let fault) = kind else { return false }
        switch fault {
        case .noPrivateKey, .keyIsEncrypted, .keyDoesNotMatch: return true
        default: return isAbout(pair.keyFile) && pair.keyFile != pair.certificateFile
        }
    }
}
