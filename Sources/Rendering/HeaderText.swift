import CTF

/// The text between an event's time and its first scope: where it comes from, how grave it is, and what it is called.
///
/// What the trace says is the same for all its events: looked up once, it begins all headers.
struct HeaderText {
    private let options: TextOptions
    private let traceName: String?
    private let environment: [(name: String, value: String)]

    /// - Parameter traceName: nil for a trace that has none, as live ones.
    init(options: TextOptions, traceClass: TraceClass, traceName: String?) {
        self.options = options
        self.traceName = options.fields.contains(.trace) ? traceName : nil
        var environment: [(name: String, value: String)] = []
        let texts: [(TextFields, String)] = [
            (.hostname, "hostname"), (.domain, "domain"), (.procname, "procname"),
        ]
        for (field, name) in texts where options.fields.contains(field) {
            if case .text(let value)? = traceClass.environmentValue(name) {
                environment.append(("trace:" + name, value))
            }
        }
        if options.fields.contains(.vpid), case .integer(let vpid)? = traceClass.environmentValue("vpid") {
            environment.append(("trace:vpid", "(\(vpid))"))
        }
        self.environment = environment
    }

    private var isNamed: Bool { options.names.contains(.header) }

    /// What all events of the trace with a time, or without one, begin with.
    func start(isTimed: Bool) -> String {
        guard isNamed else { return (traceName ?? "") + environment.map(\.value).joined(separator: ":") }
        let comma = Self.comma(isTimed)
        let trace = traceName.map { "\(comma)trace = \($0), " } ?? ""
        return trace + environment.map { "\(comma)\($0.name) = \($0.value)" }.joined()
    }

    /// What an event class adds.
    func rest(of eventClass: EventClass, isTimed: Bool) -> String {
        let parts = parts(of: eventClass)
        guard isNamed else {
            let colon = environment.isEmpty || parts.isEmpty ? "" : ":"
            let blank = environment.isEmpty && parts.isEmpty ? "" : " "
            return colon + parts.map(\.value).joined(separator: ":") + blank + eventClass.name + ": "
        }
        let comma = Self.comma(isTimed)
        return parts.map { "\(comma)\($0.name) = \($0.value)" }.joined() + "\(comma)name = \(eventClass.name), "
    }

    private func parts(of eventClass: EventClass) -> [(name: String, value: String)] {
        var parts: [(name: String, value: String)] = []
        if options.fields.contains(.logLevel), let level = eventClass.logLevel, let name = LogLevel.name(of: level) {
            parts.append(("loglevel", "\(name) (\(level))"))
        }
        if options.fields.contains(.emfURI), let uri = eventClass.emfURI { parts.append(("model.emf.uri", uri)) }
        return parts
    }

    /// With names, commas stand between the parts only in lines that begin with a time, as babeltrace2 has it.
    private static func comma(_ isTimed: Bool) -> String { isTimed ? ", " : "" }
}

/// LTTng's names of log levels.
enum LogLevel {
    private static let names = [
        "TRACE_EMERG", "TRACE_ALERT", "TRACE_CRIT", "TRACE_ERR", "TRACE_WARNING", "TRACE_NOTICE", "TRACE_INFO",
        "TRACE_DEBUG_SYSTEM", "TRACE_DEBUG_PROGRAM", "TRACE_DEBUG_PROCESS", "TRACE_DEBUG_MODULE", "TRACE_DEBUG_UNIT",
        "TRACE_DEBUG_FUNCTION", "TRACE_DEBUG_LINE", "TRACE_DEBUG",
    ]

    static func name(of level: Int64) -> String? {
        names.indices.contains(Int(clamping: level)) ? names[Int(level)] : nil
    }
}
