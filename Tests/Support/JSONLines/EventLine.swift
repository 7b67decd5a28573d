/// One event as a JSON line has it, for comparing: what `tidemark view --format json` prints with what babeltrace2's
/// Python bindings read.
///
/// The expectation's form, which is neutral, is one object with `ns`, `name`, `loglevel`, `trace` (a UUID), `host`,
/// `sc` (stream class), `stream`, `pkt`, `common`, `specific` and `fields`; null where there is nothing.
/// Enumerations are `{"v":…,"labels":[…]}`.
package struct EventLine: Equatable, CustomStringConvertible {
    /// By the names of our own lines. Order counts inside of them, not among them.
    package private(set) var members: [String: JSONValue]

    /// Reads a line that we printed, but for what no expectation has.
    package init(printed line: some StringProtocol) throws {
        guard case .object(let members) = try JSONValue(line) else { throw NoEvent(line: String(line)) }
        self.members = [:]
        for member in members where !["type", "session", "session_id", "relay"].contains(member.name) {
            self.members[member.name] = member.value
        }
    }

    /// Reads an expected line.
    /// - Parameter path: how we name a trace that has no UUID.
    package init(expected line: some StringProtocol, path: String) throws {
        try self.init(expected: try JSONValue(line), path: path)
    }

    private init(expected value: JSONValue, path: String) throws {
        guard let timestamp = value["ns"] else { throw NoEvent(line: "\(value)") }
        members = ["ts": timestamp, "trace": .string(path)]
        for (theirs, ours) in [
            ("trace", "trace"), ("host", "host"), ("stream", "stream"), ("sc", "stream_class"), ("name", "name"),
            ("loglevel", "level"), ("pkt", "packet"), ("common", "stream_context"), ("specific", "context"),
            ("fields", "fields"),
        ] {
            guard let member = value[theirs], member != .null, member != .object([]) else { continue }
            members[ours] = Self.translated(member)
        }
        // Ours comes from the packet context too.
        members["cpu"] = members["packet"]?["cpu_id"]
    }

    /// Without some members.
    package func without(_ names: String...) -> EventLine {
        var line = self
        for name in names { line.members[name] = nil }
        return line
    }

    package var description: String {
        members.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
    }

    /// The names of the members in which two lines differ.
    package func differences(from other: EventLine) -> [String] {
        Set(members.keys).union(other.members.keys).filter { members[$0] != other.members[$0] }.sorted()
    }

    private static func translated(_ value: JSONValue) -> JSONValue {
        switch value {
        case .array(let elements): return .array(elements.map(translated))
        case .object(let members):
            if members.map(\.name) == ["v", "labels"] {
                return .object([.init(name: "value", value: members[0].value), members[1]])
            }
            return .object(members.map { .init(name: $0.name, value: translated($0.value)) })
        default: return value
        }
    }

    package struct NoEvent: Error, CustomStringConvertible {
        package var line: String
        package var description: String { "no event: \(line)" }
    }
}

extension JSONValue: CustomStringConvertible {
    /// As JSON, for messages.
    package var description: String {
        switch self {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .number(let text): text
        case .string(let text): "\"\(text)\""
        case .array(let elements): "[\(elements.map(\.description).joined(separator: ","))]"
        case .object(let members): "{\(members.map { "\"\($0.name)\":\($0.value)" }.joined(separator: ","))}"
        }
    }
}
