package import ConfigurationFile
package import TLS

/// Where a source of events is.
package enum SourceAddress: Sendable, Hashable {
    case relay(RelayAddress)
    /// Another coordinator's feed, and what is shown to it.
    case feed(RelayAddress, ClientCredentials)

    /// Where it listens.
    package var address: RelayAddress {
        switch self {
        case .relay(let address), .feed(let address, _): address
        }
    }
}

/// Names of the PEM files that a subscriber shows, and by which it knows a coordinator.
package struct ClientCredentials: Sendable, Hashable {
    /// Who signed the coordinator's certificate.
    package var authorityFile: String
    package var certificateFile: String
    package var keyFile: String

    package init(authorityFile: String, certificateFile: String, keyFile: String) {
        self.authorityFile = authorityFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
    }

    /// Reads the files, for one connection or several.
    package func context() throws(TLSError) -> TLSContext {
        let identity = try TLSIdentity(certificateFile: certificateFile, keyFile: keyFile)
        let trust = try TLSTrust(file: authorityFile)
        try identity.checkValidity()
        return try TLSContext(client: identity, serverTrust: trust)
    }

    /// Looks at the files that the relays of a configuration name.
    /// - Parameter file: the configuration file's name, for messages.
    /// - Returns: all that is wrong with them.
    package static func problems(of configuration: Configuration, file: String) -> [ConfigurationProblem] {
        do throws(CredentialsError) {
            try check(configuration, file: file)
            return []
        } catch {
            return error.problems
        }
    }

    static func check(_ configuration: Configuration, file: String) throws(CredentialsError) {
        var problems = FeedCredentials.Problems(file: file)
        for (index, relay) in configuration.relays.enumerated() {
            guard let credentials = relay.credentials.map({ ClientCredentials($0) }) else { continue }
            let pair = Configuration.ServerCertificate(
                certificateFile: credentials.certificateFile,
                keyFile: credentials.keyFile
            )
            do throws(TLSError) {
                _ = try credentials.context()
            } catch {
                let key =
                    error.isAboutKey(of: pair) ? "key" : error.isAbout(pair.certificateFile) ? "certificate" : "ca"
                problems.add("relays[\(index)].\(key)", error)
            }
        }
        guard problems.found.isEmpty else { throw problems.error }
    }
}

extension ClientCredentials {
    init(_ credentials: Configuration.Credentials) {
        self.init(
            authorityFile: credentials.authorityFile,
            certificateFile: credentials.certificateFile,
            keyFile: credentials.keyFile
        )
    }
}

extension SourceAddress {
    /// Where a configured relay or feed is.
    init(_ relay: Configuration.Relay) {
        let endpoint = relay.url.endpoint
        let address = RelayAddress(host: endpoint.host, port: Int(endpoint.port))
        if let credentials = relay.credentials, relay.isFeed {
            self = .feed(address, ClientCredentials(credentials))
        } else {
            self = .relay(address)
        }
    }
}

extension Configuration.Relay {
    /// Whether it is another coordinator's feed.
    var isFeed: Bool {
        if case .coordinator = url { true } else { false }
    }
}
