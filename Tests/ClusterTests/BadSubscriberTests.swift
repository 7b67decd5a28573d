import Foundation
import Glibc
import Testing

extension RealCluster {
    /// Configurations, certificates and subscribers that are not as they should be. Relays matter little here, so
    /// they are few.
    @Suite(.timeLimit(.minutes(5)))
    struct BadSubscriber {
        /// A coordinator on one host with a session that holds 20 events.
        private static func standing(_ options: Coordinator.Options = .init()) throws -> (Cluster, Coordinator) {
            let cluster = try Cluster(hosts: 1)
            try cluster.hosts[0].startSession("s")
            try cluster.hosts[0].start(program: "tick", id: 1, arguments: ["--count", "20", "--rate", "0"]).end()
            return (cluster, try Coordinator(cluster, options: options))
        }

        // MARK: Configuration

        @Test
        func `an unknown key is named with its file and line`() throws {
            let folder = try ScratchFolder()
            let identities = try Identities()
            let text = Coordinator.configuration(
                [.init(name: "a", url: "net://127.0.0.1:1")],
                options: .init(),
                port: 1,
                identities: identities
            )
            let good = try folder.write(text, to: "good.yaml")
            #expect(try Tidemark.result(["check", "--config", good]).status == 0)

            let file = try folder.write(text + "colour: blue\n", to: "tidemark.yaml")
            let line = text.split(separator: "\n", omittingEmptySubsequences: false).count
            for command in ["check", "serve"] {
                let result = try Tidemark.result([command, "--config", file], within: 30)
                #expect(result.status == 78, "\(command): \(result.error)")
                let said = result.error + result.text
                #expect(said.contains("\(file):\(line): colour"), "\(command): \(said)")
            }
        }

        @Test(arguments: ["server.pem", "server.key", "ca.pem"])
        func `a file of the configuration that is missing is named`(_ missing: String) throws {
            let folder = try ScratchFolder()
            let identities = try Identities()
            let text = Coordinator.configuration(
                [.init(name: "a", url: "net://127.0.0.1:1")],
                options: .init(),
                port: try freePort(),
                identities: identities
            )
            let file = try folder.write(text, to: "tidemark.yaml")
            try FileManager.default.removeItem(atPath: identities.file(missing))
            for command in ["check", "serve"] {
                let result = try Tidemark.result([command, "--config", file], within: 30)
                #expect(result.status == 78, "\(command): \(result.error)")
                #expect((result.error + result.text).contains(identities.file(missing)), "\(result.error)")
            }
        }

        // MARK: Certificates

        @Test
        func `a client of another authority is refused, and so is a server`() throws {
            let (_, coordinator) = try Self.standing()
            let others = try Identities()
            let ours = coordinator.identities
            let own = ["--cert", ours.file("client.pem"), "--key", ours.file("client.key")]
            let foreign = ["--cert", others.file("client.pem"), "--key", others.file("client.key")]
            for options in [["--ca", ours.file("ca.pem")] + foreign, ["--ca", others.file("ca.pem")] + own] {
                let result = try Tidemark.result(["tail", coordinator.url] + options, within: 30)
                #expect(result.status == 77, "\(result.status) \(result.error)")
                #expect(result.error.contains("127.0.0.1:\(coordinator.port)"), "\(result.error)")
            }
            try Self.expectFeed(of: coordinator)
        }

        @Test
        func `an expired certificate is refused and named`() throws {
            let (_, coordinator) = try Self.standing()
            let folder = try ScratchFolder()
            try Self.makeExpiredClient(signedBy: coordinator.identities, in: folder)
            let result = try Tidemark.result(
                [
                    "tail", coordinator.url, "--ca", coordinator.identities.file("ca.pem"), "--cert",
                    folder.file("old.pem"), "--key", folder.file("old.key"),
                ],
                within: 30
            )
            #expect(result.status == 77, "\(result.status) \(result.error)")
            #expect(result.error.contains("expired"), "\(result.error)")
            try Self.expectFeed(of: coordinator)
        }

        @Test
        func `who shows no certificate gets nothing`() throws {
            let (_, coordinator) = try Self.standing()
            let client = try ChildProcess(
                [
                    "openssl", "s_client", "-connect", "127.0.0.1:\(coordinator.port)", "-CAfile",
                    coordinator.identities.file("ca.pem"), "-alpn", "tidemark/1", "-quiet", "-no_ign_eof",
                ],
                input: "/dev/zero"
            )
            try client.end(within: 30)
            #expect(client.output.isEmpty)
            #expect(client.errorText.contains("certificate required"), "\(client.errorText)")
            try Self.expectFeed(of: coordinator)
        }

        @Test
        func `a certificate file that is missing is named`() throws {
            let identities = try Identities()
            let missing = identities.file("nobody.pem")
            let result = try Tidemark.result(
                [
                    "tail", "tls://127.0.0.1:1", "--ca", identities.file("ca.pem"), "--cert", missing, "--key",
                    identities.file("client.key"),
                ],
                within: 30
            )
            #expect(result.status != 0)
            #expect(result.error.contains(missing), "\(result.error)")
        }

        // MARK: Who may see what

        @Test
        func `without a rule nobody sees anything`() throws {
            let (_, coordinator) = try Self.standing(.init(allow: ""))
            let tail = try coordinator.tail()
            #expect(try tail.end(within: 30).status == 77, "\(tail.summary)")
            #expect(tail.output.isEmpty)
        }

        @Test
        func `a rule shows its sessions and no others`() throws {
            let cluster = try Cluster(hosts: 2)
            for host in cluster.hosts {
                try host.startSession("s")
                try host.start(program: "tick", id: 1, arguments: ["--count", "20", "--rate", "0"]).end()
            }
            let rule = """
                    - identity: "tidemark:client/client"
                      relays: ["tide-2"]
                      hosts: ["tide-2"]
                      sessions: ["*"]
                    - identity: "tidemark:client/all"
                      relays: ["*"]
                      hosts: ["*"]
                      sessions: ["*"]
                """
            let coordinator = try Coordinator(cluster, options: .init(allow: rule))
            try Tidemark.run(["cert", coordinator.identities.folder.path, "--client", "all"])
            let all = try coordinator.tail(client: "all")
            let some = try coordinator.tail(["--from", "earliest", "--format", "json", "--all"])
            try eventually("the feed", of: all) { all.outputLines == 40 }
            try eventually("its part", of: some) { some.events("demo:tick") == 20 }
            #expect(!some.outputText.contains("tide-1"), "\(some.outputText.prefix(2000))")
        }

        // MARK: Subscribers

        @Test
        func `a subscriber that speaks garbage is dropped, the others go on`() throws {
            let (cluster, coordinator) = try Self.standing()
            let tail = try coordinator.tail()
            try eventually("the feed", of: tail) { tail.outputLines == 20 }
            let identities = coordinator.identities
            let folder = try ScratchFolder()
            // A length that no first frame may have; a frame that is no message; a frame that never ends.
            let garbage: [[UInt8]] = [
                Array(repeating: 0xff, count: 100_000), [0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff], [0, 0, 0x80, 0, 1, 2, 3],
            ]
            for (number, bytes) in garbage.enumerated() {
                try Data(bytes).write(to: URL(fileURLWithPath: folder.file("garbage\(number)")))
                let client = try ChildProcess(
                    [
                        "openssl", "s_client", "-connect", "127.0.0.1:\(coordinator.port)", "-CAfile",
                        identities.file("ca.pem"), "-cert", identities.file("client.pem"), "-key",
                        identities.file("client.key"), "-alpn", "tidemark/1", "-quiet", "-no_ign_eof",
                    ],
                    input: folder.file("garbage\(number)")
                )
                try client.end(within: 60)
            }
            try cluster.hosts[0].start(program: "tick", id: 2, arguments: ["--count", "20", "--rate", "0"]).end()
            try eventually("events after the garbage", of: tail) { tail.outputLines == 40 }
            #expect(coordinator.process.poll() == nil)
        }

        @Test
        func `a subscriber that does not read costs the others nothing, and gets all of it later`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            try host.startSession("s")
            let coordinator = try Coordinator(cluster)
            let reading = try coordinator.tail()
            let stopped = try coordinator.tail()
            try host.start(program: "tick", id: 1, arguments: ["--count", "20", "--rate", "0"]).end()
            try eventually("the feed", of: stopped) { stopped.outputLines == 20 }
            stopped.signal(SIGSTOP)
            let before = try coordinator.process.residentBytes()
            let count = 100_000
            let arguments = ["--count", "\(count)", "--rate", "20000", "--burst", "200"]
            try host.start(program: "load", id: 2, arguments: arguments).end()
            try eventually("all events", of: reading, within: 120) {
                reading.outputLines == 20 + count
            }
            #expect(try coordinator.process.residentBytes() - before < 200 << 20)
            stopped.signal(SIGCONT)
            try eventually("all events later", of: stopped, within: 120) {
                stopped.outputLines == 20 + count
            }
            #expect(try host.discarded("s") == 0)
            expectSameLines(reading.output, stopped.output)
            #expect(FeedText(reading.output).problems == [])
        }

        /// The coordinator still serves whom it should.
        private static func expectFeed(of coordinator: Coordinator) throws {
            let tail = try coordinator.tail()
            try eventually("the feed", of: tail, and: coordinator.process) { tail.outputLines == 20 }
        }

        /// `old.pem` and `old.key`: right in all but the time.
        private static func makeExpiredClient(signedBy identities: Identities, in folder: ScratchFolder) throws {
            let extensions = "subjectAltName=URI:tidemark:client/old\nextendedKeyUsage=clientAuth\n"
            let extensionFile = try folder.write(extensions, to: "extensions")
            let key = folder.file("old.key")
            try Command.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key])
            let request = folder.file("old.csr")
            try Command.run(["openssl", "req", "-new", "-key", key, "-subj", "/CN=old", "-out", request])
            try Command.run([
                "openssl", "x509", "-req", "-in", request, "-CA", identities.file("ca.pem"), "-CAkey",
                identities.file("ca.key"), "-set_serial", "77", "-days", "-1", "-extfile", extensionFile, "-out",
                folder.file("old.pem"),
            ])
        }
    }
}
