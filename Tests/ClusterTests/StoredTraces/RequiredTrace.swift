import Foundation

/// A trace of another project's test suite, with what its oracles make of it: one row of the index in
/// `<repository>/../shared/data/ctf`, whose README says how the expectations were made.
struct RequiredTrace: CustomStringConvertible {
    enum Verdict: String {
        case pass
        case fail
    }

    /// `SUITE/NAME`.
    let path: String
    let verdict: Verdict

    var description: String { path }
    var suite: String { String(path.prefix { $0 != "/" }) }
    var name: String { String(path.dropFirst(suite.count + 1)) }

    // MARK: The traces

    /// Nil when the traces are not there.
    static let folder: String? = {
        let folder = Repository.root.deletingLastPathComponent().appendingPathComponent("shared/data/ctf").path
        return FileManager.default.fileExists(atPath: folder + "/INDEX.tsv") ? folder : nil
    }()

    /// All rows but the optional ones, of which suite and oracle disagree.
    static let all: [RequiredTrace] = {
        guard let folder, let index = try? String(contentsOfFile: folder + "/INDEX.tsv", encoding: .utf8) else {
            return []
        }
        return index.split(separator: "\n").dropFirst().compactMap { line in
            let columns = line.split(separator: "\t", omittingEmptySubsequences: false)
            guard columns.count >= 2, let verdict = Verdict(rawValue: String(columns[1])) else { return nil }
            return RequiredTrace(path: String(columns[0]), verdict: verdict)
        }
    }()

    static func all(_ verdict: Verdict) -> [RequiredTrace] { all.filter { $0.verdict == verdict } }

    /// What an oracle has printed; nil where it was not asked.
    func expectation(_ kind: String) -> Data? {
        Self.folder.flatMap { FileManager.default.contents(atPath: "\($0)/expected/\(path).\(kind)") }
    }

    func expectedLines(_ kind: String) -> [Substring]? {
        expectation(kind).map { String(decoding: $0, as: UTF8.self).split(separator: "\n") }
    }

    // MARK: Running

    /// Runs `tidemark view` where the oracles ran: beside the trace. One that takes longer than this hangs.
    func view(_ options: [String]) throws -> Command.Result {
        let directory = "\(Self.folder ?? "")/traces/\(suite)"
        return try Tidemark.result(["view", name] + options, directory: directory, within: 20)
    }

    /// What the texts were printed with.
    static let textOptions = [
        "--clock-gmt", "--clock-date", "--no-delta", "--names", "all",
        "--fields", "trace:hostname,trace:domain,trace:procname,trace:vpid,loglevel,emf",
    ]
}

// MARK: - Where an expectation cannot be met

/// Traces whose expectation contradicts another one. All else must be equal.
enum ContradictedExpectation {
    /// The event that is expected is none.
    /// babeltrace2 2.0.4 reads an array's element behind the packet's content: 0xC1FC1FC1 is the next packet's magic
    /// number. The suite means the trace to be refused for just that.
    static let eventBeyondContent = "cts-stream-fail/cross-packet-event-sequence-start"

    /// There is one event before the fault, and none is expected.
    /// babeltrace2 looks at all packet headers first, and refuses the trace for its second packet, of two cut bytes
    /// or less. The suite's own oracle reads the event (`elements.jsonl`), and so does a reader that reads on.
    static let eventBeforeFault: Set = [
        "yactfr-ctf1/fail-dl-array-beyond-content", "yactfr-ctf1/fail-fl-int-one-bit-beyond-content",
        "yactfr-ctf1/fail-sl-array-beyond-content",
    ]

    /// It can be read, and is expected to be refused.
    /// The suite refuses an attribute that it does not know, of which babeltrace2 only warns (so that
    /// `yactfr-meta-ctf1/fail-trace-type-unknown-attr` is optional); babeltrace2 refuses a stream's id without a
    /// packet header, which two traces that must pass have as well (`pass-dst-erh-type-id-member-1`,
    /// `pass-dst-pc-type-packet-size-member-2`).
    static let readable = "yactfr-meta-ctf1/fail-dst-unknown-attr"

    /// Three events stand one place earlier than is expected.
    /// The trace's packets begin before the one before them ends, so that times go back; 2.0.4 refuses that, and the
    /// expectation is of 2.1.0-rc1. That one sorts an event of another stream at the very end of a packet before the
    /// older event of the next packet; we give out what is late at once.
    static let lateEvents = "cts-stream-pass/lttng-modules-2.0-pre5"
    static let lateEventCount = 3
}
