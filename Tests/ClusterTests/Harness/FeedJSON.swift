import Foundation

/// What JSON lines with control records (`--format json --all`) hold, and whether their order is the feed's.
struct FeedJSON {
    /// One event of a traced program of ours, or of LTTng's own (then without writer).
    struct Event {
        let timestampNs: Int64
        let isLate: Bool
        let name: String
        let session: String
        /// With `vpid` as a context; else 0.
        let processID: Int64
        let writer: FeedText.Writer?
        let sequence: Int
    }

    /// A `lost` record.
    struct Loss {
        enum Unit: String {
            case events
            case packets
        }

        let relay: String
        let session: String
        /// UUID, or path of a trace of which no packet has come.
        let trace: String
        let stream: Int64?
        let unit: Unit
        /// Nil where nobody knows.
        let count: Int64?
        let fromNs: Int64?
        let toNs: Int64?
        let reason: String
    }

    /// A `relay` or `session` record.
    struct Change {
        let type: String
        let relay: String
        let session: String
        let state: String
        let reason: String
    }

    private(set) var events: [Event] = []
    private(set) var losses: [Loss] = []
    private(set) var changes: [Change] = []
    private(set) var watermarks: [Int64] = []
    private(set) var hasEnd = false
    /// What is not as it must be: a late event, one below the watermark or before its predecessor, a watermark that
    /// goes back, a line that is no record.
    private(set) var problems: [String] = []
    private var newestNs = Int64.min

    init(_ lines: Data) {
        for line in lines.split(separator: 10) where problems.count < 20 {
            guard let object = try? JSONSerialization.jsonObject(with: line) as? [String: Any],
                let type = object["type"] as? String
            else {
                problems.append("no record: \(String(decoding: line, as: UTF8.self))")
                continue
            }
            take(Record(type: type, object: object))
        }
    }

    /// Events of our programs on a host.
    func events(of host: Host) -> [Event] { events.filter { $0.writer?.host == host.name } }

    /// Events of a type.
    func count(_ name: String) -> Int { events.count { $0.name == name } }

    /// The states that a session went through, in order.
    func states(ofSession session: String, relay: String) -> [String] {
        changes.filter { $0.type == "session" && $0.session == session && $0.relay == relay }.map(\.state)
    }

    private struct Record {
        let type: String
        let object: [String: Any]

        func text(_ name: String) -> String { object[name] as? String ?? "" }
        func number(_ name: String) -> Int64? { (object[name] as? NSNumber)?.int64Value }
    }

    private mutating func take(_ record: Record) {
        switch record.type {
        case "event": takeEvent(record)
        case "watermark":
            let watermark = record.number("ts") ?? .min
            if let last = watermarks.last, watermark < last { problems.append("watermark \(last), then \(watermark)") }
            watermarks.append(watermark)
        case "lost":
            losses.append(
                Loss(
                    relay: record.text("relay"),
                    session: record.text("session"),
                    trace: record.text("trace"),
                    stream: record.number("stream"),
                    unit: record.object["packets"] == nil ? .events : .packets,
                    count: record.number("packets") ?? record.number("events"),
                    fromNs: record.number("from"),
                    toNs: record.number("to"),
                    reason: record.text("reason")
                )
            )
        case "relay", "session":
            changes.append(
                Change(
                    type: record.type,
                    relay: record.text("relay"),
                    session: record.text("session"),
                    state: record.text("state"),
                    reason: record.text("reason")
                )
            )
        case "end": hasEnd = true
        default: break
        }
    }

    private mutating func takeEvent(_ record: Record) {
        let fields = Record(type: "fields", object: record.object["fields"] as? [String: Any] ?? [:])
        let numbers = ["program", "thread", "seqno"].compactMap { fields.number($0).map(Int.init) }
        let event = Event(
            timestampNs: record.number("ts") ?? .min,
            isLate: record.object["late"] != nil,
            name: record.text("name"),
            session: record.text("session"),
            processID: Record(type: "context", object: record.object["stream_context"] as? [String: Any] ?? [:])
                .number("vpid") ?? 0,
            writer: numbers.count == 3
                ? FeedText.Writer(host: record.text("host"), program: numbers[0], thread: numbers[1]) : nil,
            sequence: numbers.count == 3 ? numbers[2] : 0
        )
        events.append(event)
        if event.isLate {
            problems.append("late by \(record.number("late") ?? 0) ns: \(event)")
            return
        }
        if event.timestampNs < newestNs {
            problems.append("\(newestNs - event.timestampNs) ns before the last: \(event)")
        }
        if let watermark = watermarks.last, event.timestampNs < watermark {
            problems.append("\(watermark - event.timestampNs) ns below the watermark: \(event)")
        }
        newestNs = event.timestampNs
    }
}
