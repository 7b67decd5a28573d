import ArgumentParser
import Feed
import Glibc
import NIOCore
import NIOPosix
import Rendering
import Runtime

/// `tidemark demo`: a whole cluster in one process.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Show a whole cluster in one process: simulated relays, coordinator and subscriber.",
        discussion: "Nothing real is traced. Ends with Ctrl-C, or after --seconds. Events go to standard output."
    )

    @Option(help: "How many hosts (1 to \(DemoRun.hostsMax)).")
    var hosts = 3

    @Option(help: "End after so many seconds.")
    var seconds: UInt64?

    @OptionGroup var rendering: RenderingOptionsGroup

    func validate() throws {
        guard (1...DemoRun.hostsMax).contains(hosts) else {
            throw ValidationError("--hosts: 1 to \(DemoRun.hostsMax)")
        }
        if let seconds, !(1...1_000_000).contains(seconds) { throw ValidationError("--seconds: 1 to 1000000") }
    }

    func run() async throws {
        let printer = FeedPrinter(
            options: try rendering.renderingOptions(),
            audience: .subscriber,
            progress: ProgressLine("demo", goal: .present, writesToOutput: true)
        )
        let printing = PrintingLane<ReceivedFrame> { frame in
            printer.print(frame.isCheckpoint ? frame.batch.onlyNews : frame.batch, token: frame.token)
        }
        let directory = try temporaryDirectory()
        defer { remove(directory) }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let demo = DemoRun(
            hostCount: hosts,
            seconds: seconds,
            directory: directory,
            group: group,
            printing: printing,
            say: { standardError.write(line: "demo: \($0)") }
        )
        try await runUntilSignal([demo])
        await printing.drain { printer.finish() }
        try await group.shutdownGracefully()
        if let fault = printer.writeFault {
            standardError.write(line: "tidemark demo: \(fault)")
            throw ExitStatus.failure
        }
        if printer.isDamaged { throw ExitStatus.failure }
    }

    private func temporaryDirectory() throws -> String {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/tidemark-demo-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            standardError.write(line: "tidemark demo: \(base): \(String(cString: strerror(errno)))")
            throw ExitStatus.failure
        }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private func remove(_ directory: String) {
        for name in ["ca", "server", "client"] {
            unlink("\(directory)/\(name).pem")
            unlink("\(directory)/\(name).key")
        }
        rmdir(directory)
    }
}
