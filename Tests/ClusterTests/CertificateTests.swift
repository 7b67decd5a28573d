import Foundation
import Glibc
import Testing

extension RealCluster {
    /// TLS as strangers see it: `tidemark serve` on a relay that is not there, and what does not belong on its port.
    @Suite(.timeLimit(.minutes(5)))
    struct Certificates {
        /// A coordinator without a relay that answers.
        private static func standing(_ options: Coordinator.Options = .init()) throws -> Coordinator {
            try Coordinator([.init(name: "a", url: "net://127.0.0.1:\(try freePort())")], options: options)
        }

        /// Lines of the coordinator's audit.
        private static func audit(_ coordinator: Coordinator, _ kind: String) -> [String] {
            coordinator.process.errorText.split(separator: "\n").map(String.init)
                .filter { $0.contains("audit=\(kind)") }
        }

        private static func openssl(
            _ coordinator: Coordinator,
            _ options: [String],
            client: String? = "client",
            alpn: String? = "tidemark/1",
            input: String = "/dev/null"
        ) throws -> ChildProcess {
            let identities = coordinator.identities
            var arguments = [
                "openssl", "s_client", "-connect", "127.0.0.1:\(coordinator.port)", "-CAfile",
                identities.file("ca.pem"),
            ]
            if let client {
                arguments += ["-cert", identities.file(client + ".pem"), "-key", identities.file(client + ".key")]
            }
            if let alpn { arguments += ["-alpn", alpn] }
            return try ChildProcess(arguments + options, input: input)
        }

        // MARK: Who gets in

        /// A client that does not get in.
        private struct Stranger {
            let name: String
            var isForeign = false
            /// What `tail` says.
            let told: String
            /// What the coordinator's audit says.
            let audited: String
            /// Whether `tail` looks at the certificate first, and does not even connect.
            var isCaughtAtHome = false
        }

        private static let strangers = [
            Stranger(name: "client", isForeign: true, told: "unknown ca", audited: "issuer certificate"),
            Stranger(name: "old", told: "expired on", audited: "certificate has expired", isCaughtAtHome: true),
            Stranger(name: "early", told: "not valid before", audited: "not yet valid", isCaughtAtHome: true),
            Stranger(name: "use", told: "unsupported certificate", audited: "certificate purpose"),
            Stranger(name: "revoked", told: "certificate revoked", audited: "certificate revoked"),
            Stranger(
                name: "stranger",
                told: "no allow rule names this subscriber",
                audited: "no allow rule names this subscriber"
            ),
        ]

        @Test
        func `every client with a wrong certificate is refused, with exit status 77 and a line of audit`() throws {
            let list = try ScratchFolder()
            let names = ["client", "old", "early", "use", "revoked"]
            let coordinator = try Self.standing(
                .init(
                    allow: names.map { "    - identity: \"tidemark:client/\($0)\"" }.joined(separator: "\n"),
                    feed: ["crl: [\"\(list.file("ca.crl"))\"]"]
                ) { identities in
                    let workshop = try CertificateWorkshop(identities)
                    try workshop.make("old", from: -10, to: -1)
                    try workshop.make("early", from: 1, to: 10)
                    try workshop.make("use", usage: "serverAuth")
                    try workshop.make("revoked")
                    try workshop.make("stranger")
                    try workshop.writeRevocationList(list.file("ca.crl"), revoking: ["revoked"])
                }
            )
            let foreign = try Identities()
            for stranger in Self.strangers {
                let own = stranger.isForeign ? foreign : coordinator.identities
                let (certificate, key) = (own.file(stranger.name + ".pem"), own.file(stranger.name + ".key"))
                let before = Self.audit(coordinator, "refuse").count
                let options = ["--ca", coordinator.identities.file("ca.pem"), "--cert", certificate, "--key", key]
                let result = try Tidemark.result(["tail", coordinator.url] + options, within: 30)
                #expect(result.status == 77, "\(stranger.name): \(result.status) \(result.error)")
                #expect(result.error.contains(stranger.told), "\(stranger.name): \(result.error)")
                if stranger.isCaughtAtHome {
                    let pair = ["-cert", certificate, "-key", key]
                    try Self.openssl(coordinator, pair, client: nil, input: "/dev/zero").end(within: 30)
                }
                try eventually("a line of audit about \(stranger.name)", of: coordinator.process, within: 10) {
                    Self.audit(coordinator, "refuse").count > before
                }
                let lines = Self.audit(coordinator, "refuse").dropFirst(before)
                #expect(lines.count == 1, "\(stranger.name): \(lines)")
                let line = lines.first ?? ""
                #expect(line.contains(stranger.audited), "\(stranger.name): \(line)")
                #expect(line.contains("serial=") && line.contains("fingerprint="), "\(stranger.name): \(line)")
                #expect(line.contains("identity=tidemark:client/\(stranger.name)"), "\(stranger.name): \(line)")
            }
            let before = Self.audit(coordinator, "refuse").count
            let nobody = try Self.openssl(coordinator, [], client: nil, input: "/dev/zero")
            try nobody.end(within: 30)
            #expect(nobody.errorText.contains("certificate required"), "\(nobody.errorText)")
            #expect(Self.audit(coordinator, "refuse").dropFirst(before).allSatisfy { $0.contains("no certificate") })
            #expect(Self.audit(coordinator, "connect").isEmpty)
            // Whom it should let in, it lets in.
            let tail = try coordinator.tail()
            try eventually("a line of audit", of: coordinator.process, and: tail) {
                Self.audit(coordinator, "connect").count == 1
            }
        }

        // MARK: What TLS does not do

        @Test
        func `there is no session to resume, no early data and no older version`() throws {
            let coordinator = try Self.standing()
            let folder = try ScratchFolder()
            // With its input at an end the client says goodbye; what the server sent after the handshake it has read.
            let first = try Self.openssl(coordinator, ["-sess_out", folder.file("session"), "-msg"])
            try first.end(within: 30)
            #expect(first.outputText.contains("TLSv1.3"), "\(first.summary)")
            #expect(first.outputText.contains("ALPN protocol: tidemark/1"), "\(first.summary)")
            #expect(!first.outputText.contains("NewSessionTicket"), "\(first.outputText)")
            #expect(!FileManager.default.fileExists(atPath: folder.file("session")))
            for version in ["-tls1_2", "-tls1_1", "-tls1"] {
                let old = try Self.openssl(coordinator, [version, "-cipher", "DEFAULT@SECLEVEL=0"])
                #expect(try old.end(within: 30).status != 0, "\(version): \(old.summary)")
                #expect(old.errorText.contains("protocol version") || old.errorText.contains("no protocols available"))
            }
        }

        @Test(arguments: ["h2", "tidemark/2", nil])
        func `whoever does not offer our protocol is refused`(_ alpn: String?) throws {
            let coordinator = try Self.standing()
            let client = try Self.openssl(coordinator, ["-ign_eof"], alpn: alpn)
            #expect(try client.end(within: 30).status != 0)
            let alert = alpn == nil ? "handshake failure" : "no application protocol"
            #expect(client.errorText.contains(alert), "\(client.summary)")
            try eventually("a line of audit", of: coordinator.process) {
                Self.audit(coordinator, "refuse").contains { $0.contains("application protocol (ALPN)") }
            }
        }

        @Test
        func `TLS 1-2 is spoken where it is asked for, without what is weak in it`() throws {
            let coordinator = try Self.standing(.init(feed: ["tls-version: \"1.2\""]))
            let folder = try ScratchFolder()
            let session = folder.file("session")
            // Connects five times more, each time with the session of before, if there was one.
            let plain = try Self.openssl(coordinator, ["-tls1_2", "-sess_out", session, "-reconnect"])
            try plain.end(within: 30)
            #expect(plain.outputText.contains("Protocol  : TLSv1.2"), "\(plain.summary)")
            #expect(plain.outputText.contains("ECDHE-ECDSA-AES"), "\(plain.summary)")
            #expect(!plain.outputText.contains("TLS session ticket:"), "\(plain.summary)")
            #expect(
                plain.outputText.contains("New, TLSv1.2") && !plain.outputText.contains("Reused"),
                "\(plain.summary)"
            )
            #expect(!FileManager.default.fileExists(atPath: session))
            for weak in ["ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA", "AES128-GCM-SHA256", "DHE+AESGCM"] {
                let client = try Self.openssl(coordinator, ["-tls1_2", "-cipher", "\(weak):@SECLEVEL=0"])
                #expect(try client.end(within: 30).status != 0, "\(weak): \(client.summary)")
            }
            // `R` on a line of its own asks for a renegotiation.
            let renewing = try Self.openssl(
                coordinator,
                ["-tls1_2"],
                input: try folder.write("R\n", to: "renegotiate")
            )
            try renewing.end(within: 30)
            #expect(renewing.errorText.contains("no renegotiation"), "\(renewing.summary)")
            let tail = try coordinator.tail()
            try eventually("a line of audit", of: coordinator.process, and: tail) {
                Self.audit(coordinator, "connect").count == 1
            }
        }

        // MARK: Names and changes

        @Test
        func `the certificate of the host that is asked for is shown`() throws {
            let folder = try ScratchFolder()
            let coordinator = try Self.standing(
                .init(feed: [
                    "certificates:", "  - certificate: \(folder.file("named.pem"))",
                    "    key: \(folder.file("named.key"))",
                ]) { identities in
                    try CertificateWorkshop(identities).make(
                        "named",
                        usage: "serverAuth",
                        alternativeName: "DNS:*.example.org"
                    )
                    for file in ["named.pem", "named.key"] {
                        try FileManager.default.copyItem(atPath: identities.file(file), toPath: folder.file(file))
                    }
                }
            )
            for (host, subject) in [("feed.example.org", "CN = named"), ("localhost", "CN = localhost")] {
                let client = try Self.openssl(coordinator, ["-servername", host, "-verify_hostname", host])
                try client.end(within: 30)
                #expect(client.outputText.contains("subject=\(subject)"), "\(client.summary)")
                #expect(client.outputText.contains("Verify return code: 0 (ok)"), "\(client.summary)")
            }
        }

        @Test
        func `a revocation list that changes is noticed, and ends the connection of whom it names`() throws {
            let list = try ScratchFolder()
            var workshop: CertificateWorkshop?
            let coordinator = try Self.standing(
                .init(feed: ["crl: [\"\(list.file("ca.crl"))\"]"]) { identities in
                    workshop = try CertificateWorkshop(identities)
                    try workshop?.make("lost")
                    try workshop?.make("kept")
                    try workshop?.writeRevocationList(list.file("ca.crl"), revoking: [])
                }
            )
            let lost = try coordinator.tail(client: "lost")
            let kept = try coordinator.tail(client: "kept")
            try eventually("both are in", of: coordinator.process, and: lost, kept) {
                Self.audit(coordinator, "connect").count == 2
            }
            try workshop?.writeRevocationList(list.file("ca.crl"), revoking: ["lost"])
            #expect(try lost.end(within: 30).status == 77, "\(lost.summary)")
            let left = Self.audit(coordinator, "leave")
            #expect(left.count == 1 && left.allSatisfy { $0.contains("certificate revoked") }, "\(left)")
            // A list that is damaged is said to be, and the one in use stays.
            let damaged = try list.write("nothing\n", to: "damaged")
            try FileManager.default.replaceFile(list.file("ca.crl"), by: damaged)
            try eventually("the damage is said", of: coordinator.process) {
                coordinator.process.errorText.contains("changed certificates cannot be used, those in use stay")
            }
            #expect(coordinator.process.errorText.contains("\(coordinator.configurationFile):"))
            #expect(
                coordinator.process.errorText.contains("feed.crl[0]: \(list.file("ca.crl")): holds no revocation list")
            )
            #expect(kept.poll() == nil, "\(kept.summary)")
            #expect(try coordinator.tail(client: "lost").end(within: 30).status == 77)
        }

        @Test
        func `a hundred sockets that say nothing keep nobody out`() throws {
            let coordinator = try Self.standing()
            var sockets: [Int32] = []
            defer { for socket in sockets { close(socket) } }
            for _ in 0..<200 { sockets.append(try Self.connect(coordinator.port)) }
            let tail = try coordinator.tail()
            try eventually("a line of audit", of: coordinator.process, and: tail, within: 8) {
                Self.audit(coordinator, "connect").count == 1
            }
        }

        /// A connection over which nothing is said.
        private static func connect(_ port: Int) throws -> Int32 {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = UInt16(port).bigEndian
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            let result = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard descriptor >= 0, result == 0 else { throw Failure("cannot connect to port \(port)") }
            return descriptor
        }
    }
}
