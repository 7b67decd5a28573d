import Foundation
import Glibc
import Testing

/// Which events a text feed holds, read from the numbers that our traced programs put into every event.
struct FeedText {
    /// One thread of one program on one host: it numbers its events from 1.
    struct Writer: Hashable, Comparable, CustomStringConvertible {
        let host: String
        let program: Int
        let thread: Int

        var description: String { "\(host) program \(program) thread \(thread)" }

        static func < (left: Writer, right: Writer) -> Bool {
            (left.host, left.program, left.thread) < (right.host, right.program, right.thread)
        }
    }

    /// The number of events of each writer.
    private(set) var events: [Writer: Int] = [:]
    /// What is not as it must be: a number missing, twice or out of order, or a line that is no event.
    private(set) var problems: [String] = []

    /// Reads lines as `tidemark view` and babeltrace2 print them. The C library does the searching: that is quick in
    /// debug
    /// builds too.
    init(_ text: Data) {
        var text = text
        text.append(0)
        text.withUnsafeMutableBytes { bytes in
            guard var line = bytes.baseAddress?.assumingMemoryBound(to: CChar.self) else { return }
            while line.pointee != 0, problems.count < 20 {
                let end = strchr(line, 10)
                end?.pointee = 0
                readLine(line)
                line = end.map { $0 + 1 } ?? line + strlen(line)
            }
        }
    }

    private mutating func readLine(_ line: UnsafePointer<CChar>) {
        guard let program = number("program = ", in: line), let thread = number("thread = ", in: line),
            let sequence = number("seqno = ", in: line), let origin = word(2, in: line)
        else {
            problems.append("no event: \(String(cString: line))")
            return
        }
        // With buffers per process it is `host:program:(process)`.
        let host = String(origin.prefix { $0 != ":" })
        let writer = Writer(host: host, program: program, thread: thread)
        let expected = events[writer, default: 0] + 1
        if sequence != expected {
            problems.append("\(writer): event \(sequence) where \(expected) was due")
        }
        events[writer] = sequence
    }

    /// The number that follows `label`.
    private func number(_ label: String, in line: UnsafePointer<CChar>) -> Int? {
        strstr(line, label).map { strtol($0 + label.utf8.count, nil, 10) }
    }

    /// The word at a place, from 0.
    private func word(_ place: Int, in line: UnsafePointer<CChar>) -> String? {
        var at = line
        for _ in 0..<place {
            guard let space = strchr(at, 32) else { return nil }
            at = UnsafePointer(space) + 1
        }
        guard let space = strchr(at, 32) else { return nil }
        return String(decoding: UnsafeRawBufferPointer(start: at, count: UnsafePointer(space) - at), as: UTF8.self)
    }
}

/// babeltrace2, whose output ours must equal.
enum Babeltrace {
    /// What it prints of stored traces.
    static func text(_ traces: [String], options: [String] = []) throws -> Data {
        let result = try Command.run(["babeltrace2"] + options + traces)
        // It says so when the tracer dropped events; then nothing here would be proven.
        if result.error.contains("discarded") { throw Failure(result.error) }
        return result.output
    }

    /// Starts it as a live viewer, which ends with the sessions that it sees.
    static func start(viewing url: String, environment: [String: String]) throws -> ChildProcess {
        let parameters = #"inputs=["\#(url)"],session-not-found-action="end""#
        return try ChildProcess(
            ["babeltrace2", "--component=source.ctf.lttng-live", "--params=\(parameters)"],
            environment: environment
        )
    }

    /// A trace's metadata as text.
    static func metadata(_ trace: String) throws -> String {
        try Command.run(["babeltrace2", "-o", "ctf-metadata", trace]).text
    }

    /// Compares a file of JSON lines, which `view` printed, with what its Python bindings read of stored traces.
    /// - Parameter unread: an event type whose fields they read wrong.
    /// - Returns: how many events are equal: all of them.
    static func expectEvents(_ file: String, of traces: [String], exceptFieldsOf unread: String) throws -> Int {
        // The bindings are Debian's, for Debian's Python.
        let command = ["/usr/bin/python3", Repository.python + "/compare_events.py", file] + traces
        let text = try Command.run(command + ["--without-fields", unread]).text
        guard let count = Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) else { throw Failure(text) }
        return count
    }
}

/// Two texts must be equal; tells where they part.
func expectSameLines(
    _ left: Data,
    _ right: Data,
    _ comment: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
) {
    guard left != right else { return }
    let leftLines = left.split(separator: 10, omittingEmptySubsequences: false)
    let rightLines = right.split(separator: 10, omittingEmptySubsequences: false)
    let counts = "\(leftLines.count - 1) and \(rightLines.count - 1)"
    var message = "\(counts) lines, equal as far as both go"
    for (number, pair) in zip(leftLines, rightLines).enumerated() where pair.0 != pair.1 {
        let column = zip(pair.0, pair.1).prefix { $0 == $1 }.count
        let lines = [pair.0, pair.1].map { String(decoding: $0, as: UTF8.self) }
        let places = [pair.0, pair.1].map { String(decoding: $0.dropFirst(column).prefix(40), as: UTF8.self) }
        message = """
            line \(number + 1) of \(counts), column \(column + 1): "\(places[0])", not "\(places[1])", in
            \(lines[0])
            """
        break
    }
    Issue.record("\(comment) \(message)", sourceLocation: sourceLocation)
}
