package import Configuration
import TLS

/// The certificates of a configured feed.
package enum FeedCredentials {
    /// Looks at the files, as `serve` would.
    /// - Parameter file: the configuration file's name, for messages.
    /// - Returns: all that is wrong with them.
    package static func problems(of feed: Configuration.Feed, file: String) -> [ConfigurationProblem] {
        do throws(CredentialsError) {
            _ = try context(of: feed, file: file)
            return []
        } catch {
            return error.problems
        }
    }

    /// What connections of subscribers are made from.
    static func context(of feed: Configuration.Feed, file: String) throws(CredentialsError) -> TLSContext {
        var problems: [ConfigurationProblem] = []
        var identity: TLSIdentity?
        var trust: TLSTrust?
        do throws(TLSError) {
            let read = try TLSIdentity(certificateFile: feed.certificateFile, keyFile: feed.keyFile)
            try read.checkValidity()
            identity = read
        } catch {
            problems.append(problem(error.isAboutKey(of: feed) ? "feed.key" : "feed.certificate", error, file))
        }
        do throws(TLSError) {
            trust = try TLSTrust(file: feed.clientAuthorityFile)
        } catch {
            problems.append(problem("feed.client-ca", error, file))
        }
        guard let identity, let trust else { throw CredentialsError(problems: problems) }
        do throws(TLSError) {
            return try TLSContext(server: identity, clientTrust: trust)
        } catch {
            throw CredentialsError(problems: [problem("feed.certificate", error, file)])
        }
    }

    private static func problem(_ key: String, _ error: TLSError, _ file: String) -> ConfigurationProblem {
        ConfigurationProblem(file: file, line: nil, key: key, message: error.plainText)
    }
}

/// Certificates or keys that a configuration names and that cannot be used.
package struct CredentialsError: Error, Sendable, CustomStringConvertible {
    /// At least one.
    package let problems: [ConfigurationProblem]

    package var description: String { problems.map { "\($0)" }.joined(separator: "\n") }
}

extension TLSError {
    /// For people: which file, and what is wrong with it, without the library's own words about a file.
    package var plainText: String {
        guard case .file = kind else { return "\(self)" }
        return "\(TLSError(kind))"
    }

    fileprivate func isAboutKey(of feed: Configuration.Feed) -> Bool {
        guard case .file(let path, let fault) = kind else { return false }
        switch fault {
        case .noPrivateKey, .keyIsEncrypted, .keyDoesNotMatch: return true
        default: return path == feed.keyFile && path != feed.certificateFile
        }
    }
}
