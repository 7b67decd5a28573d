import ArgumentParser
import Glibc
import Runtime

/// Where the process begins.
@main
enum Main {
    static func main() async {
        // A closed pipe is an error of the write then, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        OpenFiles.fillStandard()
        OpenFiles.raiseLimit()
        await Tidemark.main()
    }
}

/// The command: arguments and exit codes. What it does stands in Runtime.
struct Tidemark: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "tidemark",
        abstract: "Merge the live traces of many LTTng hosts into one feed in global timestamp order.",
        discussion: """
            Exit codes: 0 done, 1 failed on the way, 64 usage, 69 a relay or coordinator cannot be reached, \
            77 refused (TLS, access), 78 configuration.
            """,
        version: version,
        subcommands: [
            ServeCommand.self, CheckCommand.self, SessionsCommand.self, ViewCommand.self, TailCommand.self,
            TopCommand.self, ExportCommand.self,
            CertCommand.self, DemoCommand.self,
        ]
    )
}
