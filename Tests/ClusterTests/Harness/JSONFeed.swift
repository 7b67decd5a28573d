import Foundation

/// What JSON lines with `--all` hold, read by the numbers that our traced programs put into every event.
struct JSONFeed {
    struct Event {
        let writer: Writer
        let sequence: Int
        /// Nanoseconds since the Unix epoch.
        let timestampNs: Int64
        /// How far behind the watermark it came, nanoseconds; 0 where it was not late.
        let lateNs: Int64
    }

    /// One thread of one program in one tracing session: it numbers its events from 1.
    struct Writer: Hashable, CustomStringConvertible {
        let relay: String
        let host: String
        let sessionID: Int
        let program: Int
        let thread: Int

        var description: String { "\(relay) \(host) session \(sessionID) program \(program) thread \(thread)" }
    }

    /// A record of loss.
    struct Loss {
        let relay: String
        let reason: String
        /// Nil where the record is of packets, or the number is not known.
        let events: Int?
        let packets: Int?
        let fromNs: Int64?
        let toNs: Int64?
    }

    private(set) var events: [Event] = []
    private(set) var losses: [Loss] = []
    /// Records of other types, in order.
    private(set) var controls: [[String: Any]] = []

    /// Reads the complete lines.
    init(_ data: Data) throws {
        let complete = data.prefix(through: data.lastIndex(of: 10) ?? data.startIndex - 1)
        for line in complete.split(separator: 10) {
            guard let record = try JSONSerialization.jsonObject(with: line) as? [String: Any],
                let type = record["type"] as? String
            else { throw Failure("no record: \(String(decoding: line, as: UTF8.self))") }
            switch type {
            case "event": events.append(try Self.event(record))
            case "lost": losses.append(Self.loss(record))
            default: controls.append(record)
            }
        }
    }

    private static func event(_ record: [String: Any]) throws -> Event {
        guard let fields = record["fields"] as? [String: Any], let program = fields["program"] as? Int,
            let thread = fields["thread"] as? Int, let sequence = fields["seqno"] as? Int,
            let timestampNs = (record["ts"] as? NSNumber)?.int64Value
        else { throw Failure("not an event of ours: \(record)") }
        let writer = Writer(
            relay: record["relay"] as? String ?? "",
            host: record["host"] as? String ?? "",
            sessionID: record["session_id"] as? Int ?? 0,
            program: program,
            thread: thread
        )
        let lateNs = (record["late"] as? NSNumber)?.int64Value ?? 0
        return Event(writer: writer, sequence: sequence, timestampNs: timestampNs, lateNs: lateNs)
    }

    private static func loss(_ record: [String: Any]) -> Loss {
        Loss(
            relay: record["relay"] as? String ?? "",
            reason: record["reason"] as? String ?? "",
            events: record["events"] as? Int,
            packets: record["packets"] as? Int,
            fromNs: (record["from"] as? NSNumber)?.int64Value,
            toNs: (record["to"] as? NSNumber)?.int64Value
        )
    }

    // MARK: What is asked of them

    /// The number of events by writer.
    var counts: [Writer: Int] { events.reduce(into: [:]) { $0[$1.writer, default: 0] += 1 } }

    /// The number of events by program.
    var programs: [Int: Int] { events.reduce(into: [:]) { $0[$1.writer.program, default: 0] += 1 } }

    var lateCount: Int { events.count { $0.lateNs > 0 } }

    /// Where events that are not late go back in time.
    var disorder: [String] {
        var last = Int64.min
        var found: [String] = []
        for event in events where event.lateNs == 0 {
            if event.timestampNs < last, found.count < 20 {
                found.append("\(event.writer): event \(event.sequence), \(last - event.timestampNs) ns back")
            }
            last = max(last, event.timestampNs)
        }
        return found
    }

    /// A writer's events that are missing between two that are there, or before the first of them.
    struct Gap {
        let writer: Writer
        /// How many are missing.
        let count: Int
        /// Of the events on both sides, nanoseconds; nil before the first.
        let fromNs: Int64?
        let toNs: Int64
    }

    /// What is missing of each writer, and what is there twice or has not the time that its number says. The order in
    /// the feed is another matter (`disorder`): what is late comes stream by stream, and a thread may have written to
    /// several.
    func continuity() -> (gaps: [Gap], repeats: [String]) {
        var last: [Writer: Event] = [:]
        var gaps: [Gap] = []
        var repeats: [String] = []
        for event in events.sorted(by: { ($0.sequence, $0.timestampNs) < ($1.sequence, $1.timestampNs) }) {
            if let before = last[event.writer], before.timestampNs > event.timestampNs, repeats.count < 20 {
                repeats.append("\(event.writer): event \(event.sequence) is older than \(before.sequence)")
            }
            let before = last[event.writer]
            let missing = event.sequence - (before?.sequence ?? 0) - 1
            if missing > 0 {
                gaps.append(
                    Gap(
                        writer: event.writer,
                        count: missing,
                        fromNs: before?.timestampNs,
                        toNs: event.timestampNs
                    )
                )
            } else if missing < 0, repeats.count < 20 {
                repeats.append("\(event.writer): event \(event.sequence) behind \(before?.sequence ?? 0)")
            }
            last[event.writer] = event
        }
        return (gaps, repeats)
    }

    /// The states of a relay, in order.
    func relayStates(_ relay: String) -> [String] {
        controls.filter { $0["type"] as? String == "relay" && $0["relay"] as? String == relay }
            .compactMap { $0["state"] as? String }
    }

    /// The states of a session by name, in order.
    func sessionStates(_ session: String, relay: String? = nil) -> [String] {
        controls.filter { record in
            record["type"] as? String == "session" && record["session"] as? String == session
                && (relay == nil || record["relay"] as? String == relay)
        }.compactMap { $0["state"] as? String }
    }
}

extension ChildProcess {
    /// What it has printed so far, as JSON lines.
    func feed() throws -> JSONFeed { try JSONFeed(output) }

    /// Whether it has printed a text by now.
    func hasPrinted(_ text: String) -> Bool { output.range(of: Data(text.utf8)) != nil }
}
