import Foundation
import Glibc

/// A process that a test started, with its output in files and a process group of its own. It ends by force, at the
/// latest when the test lets go of it.
///
/// It is made by `posix_spawn` and awaited by `wait4`: that tells its CPU time, and SIGPIPE has its default action.
final class ChildProcess {
    /// How a process ended.
    struct End: Equatable {
        /// The exit status, or 128 + the signal that ended it, as in a shell.
        let status: Int32
        /// User and system time of the process and of its children that it awaited.
        let cpuSeconds: Double
    }

    let processID: pid_t
    let arguments: [String]
    let outputFile: String
    let errorFile: String
    private var ended: End?
    private var counted = (bytes: UInt64(0), lines: 0)
    private let folder: ScratchFolder

    /// - Parameters:
    ///   - arguments: the program, looked up in PATH, and its arguments.
    ///   - input: a file for standard input; nothing without it.
    ///   - output: a file for standard output other than the process's own.
    ///   - directory: where it runs; here without one.
    init(
        _ arguments: [String],
        environment: [String: String] = [:],
        directory: String? = nil,
        input: String = "/dev/null",
        output: String? = nil
    ) throws {
        folder = try ScratchFolder()
        // `env` becomes the program: the process is the same.
        let arguments = (directory.map { ["env", "-C", $0] } ?? []) + arguments
        self.arguments = arguments
        outputFile = output ?? folder.file("output")
        errorFile = folder.file("errors")

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, outputFile, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        posix_spawn_file_actions_addopen(&actions, 2, errorFile, O_WRONLY | O_CREAT | O_APPEND, 0o644)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        for signal in [SIGPIPE, SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, signal) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
        posix_spawnattr_setflags(&attributes, Int16(flags))

        let merged = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        var pid = pid_t()
        let error = Self.withStrings(arguments) { argv in
            Self.withStrings(merged.map { "\($0)=\($1)" }) { envp in
                posix_spawnp(&pid, arguments[0], &actions, &attributes, argv, envp)
            }
        }
        guard error == 0 else { throw Failure("\(arguments[0]): \(String(cString: strerror(error)))") }
        processID = pid
    }

    deinit {
        if poll() == nil { signalGroup(SIGKILL) }
        var status: Int32 = 0
        if ended == nil { waitpid(processID, &status, 0) }
    }

    // MARK: What it says

    var output: Data { FileManager.default.contents(atPath: outputFile) ?? Data() }
    var outputText: String { String(decoding: output, as: UTF8.self) }
    var errorText: String { String(decoding: FileManager.default.contents(atPath: errorFile) ?? Data(), as: UTF8.self) }

    /// Complete lines on standard output so far; reads only what is new.
    var outputLines: Int {
        guard let file = FileHandle(forReadingAtPath: outputFile), (try? file.seek(toOffset: counted.bytes)) != nil,
            let new = try? file.readToEnd()
        else { return counted.lines }
        counted.bytes += UInt64(new.count)
        counted.lines += new.lineCount
        return counted.lines
    }

    /// Command, state and the end of both outputs, for messages.
    var summary: String {
        let state = poll().map { "ended with \($0.status)" } ?? "running"
        return """
            \(arguments.joined(separator: " ")): \(state)
            --- standard output, \(outputLines) lines, the last:
            \(outputText.suffix(1500))
            --- standard error, the last:
            \(errorText.suffix(3000))
            """
    }

    // MARK: Its end

    func signal(_ number: Int32) { kill(processID, number) }
    func signalGroup(_ number: Int32) { kill(-processID, number) }

    /// Nil while it runs.
    @discardableResult
    func poll() -> End? {
        guard ended == nil else { return ended }
        var status: Int32 = 0
        var usage = rusage()
        guard wait4(processID, &status, WNOHANG, &usage) == processID else { return nil }
        let signal = status & 0x7f
        let seconds = { (time: timeval) in Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        ended = End(
            status: signal == 0 ? (status >> 8) & 0xff : 128 + signal,
            cpuSeconds: seconds(usage.ru_utime) + seconds(usage.ru_stime)
        )
        return ended
    }

    /// Waits for its end.
    @discardableResult
    func end(within seconds: Double = 60) throws -> End {
        try eventually("the end of \(arguments[0])", within: seconds, state: { summary }) { poll() != nil }
        guard let ended else { throw Failure("the end of \(arguments[0]) was lost") }
        return ended
    }

    /// Asks it to end, and waits.
    @discardableResult
    func terminate(within seconds: Double = 30) throws -> End {
        signal(SIGTERM)
        return try end(within: seconds)
    }

    /// User and system time so far, of the process alone; at its end too.
    func cpuSeconds() throws -> Double {
        let stat = try String(contentsOfFile: "/proc/\(processID)/stat", encoding: .utf8)
        guard let name = stat.lastIndex(of: ")") else { throw Failure("/proc/\(processID)/stat: \(stat)") }
        let fields = stat[stat.index(name, offsetBy: 2)...].split(separator: " ")
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else {
            throw Failure("/proc/\(processID)/stat: \(stat)")
        }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// Resident memory in bytes.
    func residentBytes() throws -> Int {
        let statm = try String(contentsOfFile: "/proc/\(processID)/statm", encoding: .utf8).split(separator: " ")
        guard statm.count > 1, let pages = Int(statm[1]) else { throw Failure("/proc/\(processID)/statm") }
        return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    private static func withStrings<Result>(
        _ strings: [String],
        _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let copies: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) } + [nil]
        defer { copies.forEach { free($0) } }
        return body(copies)
    }
}

/// A process that is run to its end.
enum Command {
    struct Result {
        let status: Int32
        let output: Data
        let error: String
        let cpuSeconds: Double

        var text: String { String(decoding: output, as: UTF8.self) }
    }

    /// Runs it, whatever comes of it.
    static func result(
        _ arguments: [String],
        environment: [String: String] = [:],
        directory: String? = nil,
        within seconds: Double = 120
    ) throws(Failure) -> Result {
        do {
            let process = try ChildProcess(arguments, environment: environment, directory: directory)
            let end = try process.end(within: seconds)
            return Result(
                status: end.status,
                output: process.output,
                error: process.errorText,
                cpuSeconds: end.cpuSeconds
            )
        } catch {
            throw error as? Failure ?? Failure("\(error)")
        }
    }

    /// Runs it, and fails where it fails.
    @discardableResult
    static func run(
        _ arguments: [String],
        environment: [String: String] = [:],
        within seconds: Double = 120
    ) throws(Failure) -> Result {
        let result = try result(arguments, environment: environment, within: seconds)
        guard result.status == 0 else {
            let command = arguments.joined(separator: " ")
            throw Failure(
                "\(command): exit status \(result.status)\n\(result.text.suffix(2000))\n\(result.error.suffix(3000))"
            )
        }
        return result
    }
}

extension Data {
    /// Complete lines.
    var lineCount: Int {
        withUnsafeBytes { bytes in
            var count = 0
            guard var at = bytes.baseAddress else { return 0 }
            let end = at + bytes.count
            // A search by the C library is quick in debug builds too.
            while at < end, let found = memchr(at, 10, end - at) {
                count += 1
                at = UnsafeRawPointer(found) + 1
            }
            return count
        }
    }
}
