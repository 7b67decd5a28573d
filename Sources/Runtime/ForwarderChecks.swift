package import ConfigurationFile
package import Feed
import NIOCore
package import TLS

/// What of forwarders can be wrong beside their keys: filters, and files of certificates.
package enum ForwarderChecks {
    /// - Parameter file: the configuration file's name, for messages.
    /// - Returns: all that is wrong, with lines.
    package static func problems(of forward: [Configuration.Forwarder], file: String) -> [ConfigurationProblem] {
        var problems = FeedCredentials.Problems(file: file)
        for (number, forwarder) in forward.enumerated() {
            do throws(FilterError) {
                _ = try filter(of: forwarder)
            } catch {
                problems.add("forward[\(number)].filter", "\(error)")
            }
            guard let tls = forwarder.collector.tls else { continue }
            do throws(TLSError) {
                _ = try context(of: tls, protocols: [])
            } catch {
                problems.add("forward[\(number)]." + Self.key(error, tls), error)
            }
        }
        return problems.found.isEmpty ? [] : problems.error.problems
    }

    /// What runs out of what a forwarder shows; nil where it shows nothing, or nothing that can be read.
    static func expiry(of forwarder: Configuration.Forwarder) -> FeedCredentials.Expiry? {
        guard let pair = forwarder.collector.tls?.certificate else { return nil }
        do throws(TLSError) {
            let identity = try TLSIdentity(certificateFile: pair.certificateFile, keyFile: pair.keyFile)
            return FeedCredentials.Expiry(identity)
        } catch {
            return nil
        }
    }

    /// - Returns: nil: all events.
    package static func filter(of forwarder: Configuration.Forwarder) throws(FilterError) -> FilterExpression? {
        forwarder.filter.isEmpty ? nil : try FilterExpression(forwarder.filter)
    }

    /// Reads the files. Collectors may speak TLS 1.2.
    /// - Parameter protocols: ALPN.
    package static func context(
        of tls: Configuration.ClientTLS,
        protocols: [String]
    ) throws(TLSError) -> TLSContext {
        var identity: TLSIdentity?
        if let pair = tls.certificate {
            let own = try TLSIdentity(certificateFile: pair.certificateFile, keyFile: pair.keyFile)
            try own.checkValidity()
            identity = own
        }
        var options = TLSOptions()
        options.applicationProtocols = protocols
        options.allowsTLS12 = true
        return try TLSContext(client: identity, serverTrust: try TLSTrust(file: tls.authorityFile), options: options)
    }

    private static func key(_ error: TLSError, _ tls: Configuration.ClientTLS) -> String {
        guard let pair = tls.certificate, !error.isAbout(tls.authorityFile) else { return "ca" }
        return error.isAboutKey(of: pair) ? "key" : "certificate"
    }
}

extension Configuration.ClientTLS {
    /// All files that it is read from.
    var files: [String] {
        [authorityFile] + (certificate.map { [$0.certificateFile, $0.keyFile] } ?? [])
    }
}
