import Foundation
import Testing

extension RealCluster {
    /// What scanners of TLS say of the feed's port.
    @Suite(.timeLimit(.minutes(8)))
    struct Scanners {
        /// Findings of `testssl` that are as they should be.
        private static let expected = [
            // The authority is a private one: nobody has it in store, it tells nobody on the web what it has revoked,
            // and no public name says that it may sign.
            "cert_chain_of_trust", "cert_revocation", "DNS_CAArecord",
            // About `testssl` itself: its openssl knows no GOST, and it does not know what is spoken inside.
            "engine_problem", "service",
        ]

        private static func standing(_ version: String) throws -> Coordinator {
            try Coordinator(
                [.init(name: "a", url: "net://127.0.0.1:\(try freePort())")],
                options: .init(feed: ["tls-version: \"\(version)\""])
            )
        }

        @Test(arguments: ["1.3", "1.2"])
        func `testssl finds nothing of note`(_ version: String) throws {
            let coordinator = try Self.standing(version)
            let folder = try ScratchFolder()
            let file = folder.file("findings.json")
            let scan = try ChildProcess([
                "testssl", "--quiet", "--color", "0", "--warnings", "off", "--ip", "127.0.0.1", "-p", "-s", "-f", "-P",
                "-S",
                "-U", "--jsonfile", file, "127.0.0.1:\(coordinator.port)",
            ])
            try scan.end(within: 170)
            struct Finding: Decodable {
                let id: String
                let severity: String
                let finding: String
            }
            let findings = try JSONDecoder().decode([Finding].self, from: Data(contentsOf: URL(fileURLWithPath: file)))
            let of = { (id: String) in findings.filter { $0.id == id }.map(\.finding) }
            // It has seen what is there.
            #expect(of("TLS1_3").contains { $0.hasPrefix("offered") }, "\(scan.summary)")
            #expect(of("TLS1_2").allSatisfy { $0.hasPrefix("offered") == (version == "1.2") }, "\(of("TLS1_2"))")
            for old in ["SSLv2", "SSLv3", "TLS1", "TLS1_1"] {
                #expect(of(old).contains { $0.hasPrefix("not offered") }, "\(old): \(of(old))")
            }
            // Where it notices in time that a certificate is asked for, it says of some that it cannot look at them.
            let untested = "client x509-based authentication prevents this from being tested"
            let bad = findings.filter {
                !["OK", "INFO"].contains($0.severity) && !Self.expected.contains($0.id) && $0.finding != untested
            }
            #expect(bad.isEmpty, "\(bad.map { "\($0.severity) \($0.id): \($0.finding)" }.joined(separator: "\n"))")
            #expect(findings.count > 40, "\(scan.summary)")
        }

        @Test(arguments: ["1.3", "1.2"])
        func `sslscan finds versions and ciphers that are strong, and nothing else`(_ version: String) throws {
            let coordinator = try Self.standing(version)
            let text = try Command.run(
                ["sslscan", "--no-colour", "--no-heartbleed", "127.0.0.1:\(coordinator.port)"],
                within: 120
            ).text
            let enabled = text.split(separator: "\n").filter { $0.hasSuffix("enabled") }
                .map { $0.split(separator: " ").first ?? "" }
            #expect(enabled == (version == "1.2" ? ["TLSv1.2", "TLSv1.3"] : ["TLSv1.3"]), "\(text)")
            let ciphers = text.split(separator: "\n").filter { $0.hasPrefix("Accepted") || $0.hasPrefix("Preferred") }
            #expect(ciphers.count >= 3, "\(text)")
            for cipher in ciphers {
                #expect(cipher.contains("GCM") || cipher.contains("CHACHA20"), "\(cipher)")
                #expect(cipher.contains("TLS_") || cipher.contains("ECDHE"), "\(cipher)")
            }
            #expect(text.contains("Session renegotiation not supported"), "\(text)")
            #expect(!text.contains("Compression enabled") && !text.contains("ffdhe"), "\(text)")
        }
    }
}
