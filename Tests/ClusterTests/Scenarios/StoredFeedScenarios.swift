import Foundation
import Glibc
import Testing

extension RealCluster {
    /// A coordinator whose log is on disk.
    @Suite(.timeLimit(.minutes(5)))
    struct StoredFeed {
        @Test
        func `of two hundred subscribers ten have stopped: the others get all, and the same`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            try host.startSession("s")
            var options = Coordinator.Options()
            options.log = "log"
            let coordinator = try Coordinator(cluster, options: options)
            let files = ["ca.pem", "client.pem", "client.key"].map(coordinator.identities.file)
            let folder = try ScratchFolder()
            let asked = folder.file("asked")
            #expect(mkfifo(asked, 0o600) == 0)
            // Held open for both, so that neither side waits for the other.
            let pipe = open(asked, O_RDWR)
            let crowd = try ChildProcess(
                ["/usr/bin/python3", Repository.python + "/many_subscribers.py", "127.0.0.1", "\(coordinator.port)"]
                    + files + ["64", "63", "63", "10"],
                input: asked
            )
            try eventually("two hundred subscriptions", of: crowd, and: coordinator.process) {
                crowd.outputLines == 1
            }
            let tail = try coordinator.tail(["--from", "earliest", "--format", "json", "--all"])
            let count = 20_000
            let arguments = ["--count", "\(count)", "--rate", "10000", "--burst", "300"]
            try host.start(program: "load", id: 1, arguments: arguments).end()
            var residentBytes = 0
            try eventually("all events", of: tail, and: coordinator.process) {
                residentBytes = max(residentBytes, try coordinator.process.residentBytes())
                return try tail.feed().events.count >= count
            }
            let newest = try #require(Self.lastSequence(in: tail.output))
            try Data("\(newest)\n".utf8).withUnsafeBytes { bytes in
                guard write(pipe, bytes.baseAddress, bytes.count) == bytes.count else { throw Failure("write") }
            }
            try eventually("all subscribers", of: crowd, and: coordinator.process, within: 120) {
                residentBytes = max(residentBytes, try coordinator.process.residentBytes())
                return crowd.outputLines == 191
            }
            let said = String(decoding: crowd.output, as: UTF8.self).split(separator: "\n").dropFirst()
            #expect(Set(said).count == 3)
            #expect(
                ["raw ", "decoded ", "filtered "].map { kind in said.count { $0.hasPrefix(kind) } } == [64, 63, 63]
            )
            #expect(residentBytes < 512 << 20, "\(residentBytes) bytes of memory")
            close(pipe)
            #expect(try tail.terminate().status == 0, "\(tail.summary)")
        }

        @Test(.enabled(if: SmallDisk.isPossible, "mounting a file system needs root"))
        func `a full disk holds the feed and is said, and with room all of it comes`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            try host.startSession("s")
            let disk = try SmallDisk(mebibytes: 1)
            var options = Coordinator.Options()
            options.log = disk.path
            let coordinator = try Coordinator(cluster, options: options)
            let tail = try coordinator.tail(["--from", "earliest", "--format", "json", "--all"])
            let count = 60_000
            let arguments = ["--count", "\(count)", "--rate", "20000", "--burst", "200"]
            try host.start(program: "load", id: 1, arguments: arguments).end()
            try eventually("the full disk is said", of: tail, and: coordinator.process) {
                tail.hasPrinted(#""type":"log""#)
            }
            // What the disk had room for has been served, and nothing else.
            let held = try tail.feed().events.count
            #expect(held > 1_000 && held < count)
            #expect(coordinator.process.errorText.contains("relays are not asked for more"))

            try disk.grow(toMebibytes: 64)
            try eventually("all events", of: tail, and: coordinator.process) { try tail.feed().events.count >= count }
            let (gaps, repeats) = try tail.feed().continuity()
            #expect(gaps.isEmpty && repeats.isEmpty, "\(gaps) \(repeats)")
            try host.destroy("s")
            let text = try coordinator.tail()
            try eventually("the text", of: text, and: coordinator.process) { text.outputLines >= count }
            try text.terminate()
            try expectSameLines(text.output, Babeltrace.text(cluster.traces))
        }

        /// The number of the last frame that had a token.
        private static func lastSequence(in output: Data) -> UInt64? {
            let text = String(decoding: output, as: UTF8.self)
            guard let start = text.range(of: #""token":""#, options: .backwards)?.upperBound else { return nil }
            let token = text[start...].prefix { $0 != "\"" }
            let base64 = token.replacing("-", with: "+").replacing("_", with: "/")
            guard let bytes = Data(base64Encoded: String(base64)), bytes.count == 45 else { return nil }
            return bytes[25..<33].reduce(0) { $0 << 8 | UInt64($1) }
        }
    }
}
