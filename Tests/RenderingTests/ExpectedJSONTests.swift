import Foundation
import Rendering
import Testing

/// JSON compared with what babeltrace2's bindings read from the same traces.
struct ExpectedJSONTests {
    @Test(
        .enabled(if: SharedTraces.root != nil, "the shared traces are missing: <repository>/../shared/data/ctf"),
        arguments: try SharedTraces.passing().map(\.name)
    )
    func `JSON says what babeltrace2 read`(name: String) throws {
        let root = try #require(SharedTraces.root)
        let expectedURL = root.appendingPathComponent("expected/\(name).jsonl")
        guard let expected = try? String(contentsOf: expectedURL, encoding: .utf8) else { return }
        let directory = try TraceDirectory(root.appendingPathComponent("traces/\(name)"))
        // Large traces of real systems repeat themselves.
        let limit = 200
        guard !SharedTraces.unordered.contains(name) else { return }
        let (text, _) = try rendered(directory.batch, RenderingOptions(format: .json, eventLimit: UInt64(limit)))
        let lines = text.split(separator: "\n")
        let expectedLines = expected.split(separator: "\n").filter { $0.hasPrefix("{\"ns\"") }.prefix(limit)
        #expect(lines.count == expectedLines.count)
        for (line, expectedLine) in zip(lines, expectedLines) {
            let (event, expectedEvent) = (try JSONValue(line), Self.event(try JSONValue(expectedLine)))
            guard Self.comparable(event) == expectedEvent else {
                Issue.record("\(line)\nshould say\n\(expectedLine)")
                return
            }
        }
    }

    /// The members that both have, by our names.
    private static func event(_ neutral: JSONValue) -> JSONValue {
        var members: [JSONValue.Member] = []
        let names = [
            ("ns", "ts"), ("trace", "trace"), ("stream", "stream"), ("sc", "stream_class"), ("name", "name"),
            ("loglevel", "level"), ("pkt", "packet"), ("common", "stream_context"), ("specific", "context"),
            ("fields", "fields"),
        ]
        for (name, ours) in names {
            guard let value = neutral[name] else { continue }
            guard ours == "ts" || (value != .null && value != .object([])) else { continue }
            if ours == "stream" { continue }
            members.append(JSONValue.Member(name: ours, value: translated(value)))
        }
        return .object(members)
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

    /// An event of ours without what the other does not have.
    private static func comparable(_ event: JSONValue) -> JSONValue {
        guard case .object(let members) = event else { return event }
        return .object(
            members.filter { member in
                !["type", "stream", "cpu"].contains(member.name)
                    && !(member.name == "trace" && member.value == .string("path"))
            }
        )
    }
}
