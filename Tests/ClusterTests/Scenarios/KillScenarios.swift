import Foundation
import Glibc
import Testing

extension RealCluster {
    /// Killing the coordinator and its subscribers, again and again, while programs trace.
    ///
    /// `TIDEMARK_KILLS` says how often; 10 without it.
    @Suite(.timeLimit(.minutes(15)))
    struct Kills {
        /// A subscriber that keeps its place and its output in files, and is started again when it is killed.
        private final class KeptTail {
            let output: String
            private let state: String
            private let format: [String]
            private(set) var process: ChildProcess

            init(_ coordinator: Coordinator, _ folder: ScratchFolder, number: Int, format: [String]) throws {
                output = folder.file("output-\(number)")
                state = folder.file("state-\(number)")
                self.format = format
                process = try Self.start(coordinator, output, state, format)
            }

            private static func start(
                _ coordinator: Coordinator,
                _ output: String,
                _ state: String,
                _ format: [String]
            ) throws -> ChildProcess {
                try coordinator.tail(["--from", "earliest", "--output", output, "--state", state] + format)
            }

            func kill(_ coordinator: Coordinator) throws {
                process.signal(SIGKILL)
                try process.end()
                process = try Self.start(coordinator, output, state, format)
            }

            var data: Data { FileManager.default.contents(atPath: output) ?? Data() }
        }

        private static var kills: Int {
            ProcessInfo.processInfo.environment["TIDEMARK_KILLS"].flatMap(Int.init) ?? 10
        }

        @Test
        func `coordinator and subscribers are killed at any instant, and each has every event once`() throws {
            let cluster = try Cluster(hosts: 2)
            for host in cluster.hosts { try host.startSession("s") }
            let folder = try ScratchFolder()
            var options = Coordinator.Options()
            options.log = "log"
            let coordinator = try Coordinator(cluster, options: options)
            // Without the time since the line before, which begins anew with each process.
            let text = ["--no-delta"]
            let tails = try (0..<2).map { try KeptTail(coordinator, folder, number: $0, format: text) }
            let programs = try cluster.hosts.map { host in
                try host.start(program: "tick", id: 1, arguments: ["--count", "1000000", "--rate", "2000"])
            }
            var random = SystemRandomNumberGenerator()
            for _ in 0..<Self.kills {
                usleep(.random(in: 100_000...1_500_000, using: &random))
                if Bool.random(using: &random) {
                    coordinator.process.signal(SIGKILL)
                    try coordinator.process.end()
                    if Bool.random(using: &random) { try tails[.random(in: 0...1, using: &random)].kill(coordinator) }
                    try coordinator.restart()
                } else {
                    try tails[.random(in: 0...1, using: &random)].kill(coordinator)
                }
            }
            var written = 0
            for program in programs { written += try program.stop() }
            for program in programs { try program.end() }
            let traces = cluster.traces
            for tail in tails {
                try eventually("all \(written) events", of: tail.process, and: coordinator.process, within: 120) {
                    tail.data.lineCount >= written
                }
            }
            for host in cluster.hosts { try host.destroy("s") }
            let expected = try Babeltrace.text(traces, options: text)
            for tail in tails {
                try tail.process.terminate()
                expectSameLines(tail.data, expected)
            }
            #expect(expected.lineCount == written)
            #expect(try coordinator.process.terminate().status == 0)
        }
    }
}
