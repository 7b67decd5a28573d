import Foundation
import Glibc

/// Real LTTng hosts on this machine, raised by `Deploy/cluster`. They end with this object, or else with the process
/// of the tests.
final class Cluster {
    let hosts: [Host]
    let livePeriodMicroseconds: Int
    private let folder: ScratchFolder
    private let directory: String

    init(hosts count: Int, livePeriodMicroseconds: Int = 100_000) throws {
        let folder = try ScratchFolder()
        let directory = folder.file("cluster")
        self.folder = folder
        self.directory = directory
        self.livePeriodMicroseconds = livePeriodMicroseconds
        let programs = try Repository.tracedPrograms.get()
        try Command.run([
            Repository.cluster, "up", directory, "--hosts", "\(count)", "--live-us", "\(livePeriodMicroseconds)",
            "--while", "\(ProcessInfo.processInfo.processIdentifier)",
        ])
        let table = try String(contentsOfFile: directory + "/hosts.tsv", encoding: .utf8)
        let token = try String(contentsOfFile: directory + "/token", encoding: .utf8)
        hosts = try table.split(separator: "\n").dropFirst().map { line in
            let fields = line.split(separator: "\t")
            guard fields.count >= 6, let port = Int(fields[1]) else { throw Failure("hosts.tsv: \(line)") }
            return Host(
                name: String(fields[0]),
                livePort: port,
                traces: String(fields[5]),
                cluster: directory,
                programs: programs,
                token: token
            )
        }
    }

    deinit {
        _ = try? Command.result([Repository.cluster, "down", directory])
    }

    /// What a process needs in its environment to end with the cluster, should the tests die.
    var environment: [String: String] { hosts.first.map { ["TIDEMARK_CLUSTER": $0.token] } ?? [:] }

    /// How long a process with buffers of its own stays, so that its last packets are fetched: more than three live
    /// periods.
    var lingerMilliseconds: Int { livePeriodMicroseconds * 10 / 1000 }

    /// A file of the test's own beside the cluster.
    func file(_ name: String) -> String { folder.file(name) }

    /// The folders of all stored traces, host by host.
    var traces: [String] { hosts.map(\.traces) }
}

/// One host of a cluster.
struct Host {
    enum Buffers {
        case perUser
        case perProcess
    }

    let name: String
    let livePort: Int
    /// The folder of the traces that its relay daemon stores.
    let traces: String
    let cluster: String
    let programs: String
    let token: String

    var address: String { "127.0.0.1:\(livePort)" }
    var url: String { "net://\(address)" }

    /// The source for one session.
    func url(session: String) -> String { "\(url)/host/\(name)/\(session)" }

    /// Creates a live session and starts it.
    func startSession(
        _ session: String,
        buffers: Buffers = .perUser,
        events: String = "demo:*,load:*",
        live: Bool = true,
        context: String? = nil,
        subbufferSize: String? = nil
    ) throws {
        var options = ["--events", events]
        if buffers == .perProcess { options += ["--per-pid", "--subbuf-size", subbufferSize ?? "512K"] }
        if buffers == .perUser, let subbufferSize { options += ["--subbuf-size", subbufferSize] }
        if !live { options += ["--live-us", "0"] }
        if let context { options += ["--context", context] }
        try control("session", [session] + options)
    }

    func stop(_ session: String) throws { try control("stop", [session]) }
    func start(_ session: String) throws { try control("start", [session]) }
    /// Of several sessions of a host, the newest is to be destroyed first: LTTng 2.13 ends an older one only after it.
    func destroy(_ session: String) throws { try control("destroy", [session]) }
    func enable(_ session: String, events: String) throws { try control("enable", [session, events]) }

    /// What the relay daemon says of its sessions.
    func sessions() throws -> [ListedSession] {
        try Tidemark.run(["sessions", "--format", "json", url]).output.split(separator: 10).map { line in
            guard let object = try JSONSerialization.jsonObject(with: line) as? [String: Any],
                let name = object["session"] as? String, let streams = object["streams"] as? Int,
                let viewers = object["clients"] as? Int, let livePeriod = object["live_timer_us"] as? Int
            else { throw Failure("sessions: \(String(decoding: line, as: UTF8.self))") }
            return ListedSession(name: name, streams: streams, viewers: viewers, livePeriodMicroseconds: livePeriod)
        }
    }

    /// Waits until a viewer is attached to the session.
    func awaitViewer(of session: String, _ viewer: ChildProcess) throws {
        try eventually("a viewer of \(session)", of: viewer) {
            try sessions().contains { $0.name == session && $0.viewers == 1 }
        }
    }

    /// Waits until a viewer is attached to the session, and the session has streams.
    func awaitStreams(of session: String, _ viewer: ChildProcess) throws {
        try eventually("streams of \(session)", of: viewer) {
            try sessions().contains { $0.name == session && $0.viewers == 1 && $0.streams > 0 }
        }
    }

    /// Runs another command of LTTng's on the host, whatever comes of it.
    func lttng(_ arguments: [String]) throws -> Command.Result {
        try Command.result([Repository.cluster, "run", cluster, name, "lttng", "--no-sessiond"] + arguments)
    }

    /// Throws away what the session has stored and not stored yet.
    func clear(_ session: String) throws {
        let result = try lttng(["clear", session])
        guard result.status == 0 else { throw Failure("\(name): clear: \(result.text) \(result.error)") }
    }

    /// Events that the tracer dropped because its buffers were full.
    func discarded(_ session: String) throws -> Int {
        let text = try control("discarded", [session]).text
        guard let count = Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) else { throw Failure(text) }
        return count
    }

    /// `relay`, `session`, `consumer` or `host`.
    func kill(_ part: String) throws { try control("kill", [part]) }
    func pause(_ part: String) throws { try control("pause", [part]) }
    func resume(_ part: String) throws { try control("resume", [part]) }
    func restartRelay() throws { try control("relay", []) }

    /// Starts `tick` or `load` on the host. It prints how many events it wrote before it lingers.
    func start(program: String, id: Int, arguments: [String]) throws -> TracedProgram {
        let command = [Repository.cluster, "run", cluster, name, programs + "/" + program, "--id", "\(id)"]
        return TracedProgram(host: name, id: id, process: try ChildProcess(command + arguments))
    }

    /// Starts `tick` again and again, evenly spaced, with numbers from `firstID` up. The series prints how many events
    /// all of them wrote, when the last has ended.
    func startSeries(count: Int, perSecond: Int, firstID: Int, arguments: [String]) throws -> TracedProgram {
        let series = [Repository.root.path + "/Deploy/traced/series", "\(count)", "\(perSecond)", "\(firstID)"]
        let command = [Repository.cluster, "run", cluster, name] + series + [programs + "/tick"]
        return TracedProgram(host: name, id: firstID, process: try ChildProcess(command + arguments))
    }

    @discardableResult
    private func control(_ verb: String, _ arguments: [String]) throws -> Command.Result {
        try Command.run([Repository.cluster, verb, cluster, name] + arguments)
    }
}

/// One session, as the relay daemon lists it.
struct ListedSession {
    let name: String
    let streams: Int
    let viewers: Int
    let livePeriodMicroseconds: Int
}

/// A program of ours on a host.
struct TracedProgram {
    let host: String
    let id: Int
    let process: ChildProcess

    /// Waits until it has written all its events; it may still linger.
    func written(within seconds: Double = 120) throws -> Int {
        try eventually("events of program \(id) on \(host)", of: process, within: seconds) {
            process.outputLines == 1
        }
        return Int(process.outputText.trimmingCharacters(in: .whitespacesAndNewlines)) ?? -1
    }

    /// Waits for its end.
    func end(within seconds: Double = 120) throws {
        let end = try process.end(within: seconds)
        guard end.status == 0 else { throw Failure(process.summary) }
    }

    /// Tells it to write no more, and waits until it has said how much that was.
    func stop() throws -> Int {
        process.signal(SIGTERM)
        return try written()
    }
}
