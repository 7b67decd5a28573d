import Foundation
import JSONLines
import Testing

/// Every required trace through `tidemark view --format json`, compared value by value: with what babeltrace2's Python
/// bindings read, and with the elements that yactfr reads, the only oracle that knows CTF 2.
@Suite(.enabled(if: RequiredTrace.folder != nil, "the stored traces are missing: <repository>/../shared/data/ctf"))
struct RequiredJSONTests {
    private static let passing = RequiredTrace.all(.pass)
    private static let readByBabeltrace = passing.filter { $0.expectation("jsonl") != nil }
    private static let readByYactfr = RequiredTrace.all.filter { $0.expectation("elements.jsonl") != nil }

    @Test
    func `there is what to compare with`() {
        #expect(Self.readByBabeltrace.count >= 85)
        #expect(Self.readByYactfr.count >= 57)
    }

    @Test(arguments: readByBabeltrace)
    func `JSON has the values that babeltrace2 reads`(trace: RequiredTrace) throws {
        let view = try trace.view(["--format", "json"])
        #expect(view.status == 0, "\(view.error)")
        let lines = view.text.split(separator: "\n")
        let expected = try #require(trace.expectedLines("jsonl")).filter { $0.hasPrefix(#"{"ns""#) }
        #expect(lines.count == expected.count)
        for (line, expectedLine) in zip(lines, expected) {
            var event = try EventLine(printed: line)
            var expected = try EventLine(expected: expectedLine, path: trace.name)
            if trace.path == "yactfr-ctf1/pass-dst" {
                // Its packets are of three streams in one file; babeltrace2 takes a file for one stream.
                (event, expected) = (event.without("stream"), expected.without("stream"))
            }
            guard event == expected else {
                Issue.record("\(event.differences(from: expected)) differ:\n\(line)\nshould say\n\(expectedLine)")
                return
            }
        }
    }

    @Test(arguments: readByYactfr)
    func `JSON has the elements that yactfr reads, up to the fault where there is one`(trace: RequiredTrace) throws {
        let view = try trace.view(["--format", "json"])
        #expect(view.status == (trace.verdict == .pass ? 0 : 1), "\(view.error)")
        let events = try view.text.split(separator: "\n").map { try JSONValue($0) }
        let elements = try #require(trace.expectedLines("elements.jsonl")).map { try JSONValue($0) }
        var packet: JSONValue?
        var count = 0
        for element in elements {
            guard element["name"] != nil else {
                if element["info"] != nil { packet = element }
                continue
            }
            count += 1
            guard count <= events.count else { continue }
            let event = events[count - 1]
            #expect(event["name"] == element["name"])
            #expect(event["stream_class"] == element["dst"])
            let payload = event["fields"] ?? .object([])
            if !payload.hasElements(of: element["payload"] ?? .object([])) {
                Issue.record("\(payload)\nshould be\n\(element["payload"] ?? .null)")
            }
            // What tells packets apart, and is no value of the trace's, is not shown.
            for member in event["packet"]?.members ?? [] {
                #expect(member.value.hasElements(of: packet?["packet_context"]?[member.name] ?? .null))
            }
        }
        #expect(events.count == count)
    }
}

extension JSONValue {
    var members: [Member]? {
        if case .object(let members) = self { members } else { nil }
    }

    /// Whether a value of ours is what yactfr's element says, as far as both say it: an element has a text's bytes,
    /// and not how they are encoded; it has no labels; its floats have six digits.
    func hasElements(of element: JSONValue) -> Bool {
        switch element {
        case .object(let expected):
            if case .string(let bytes)? = element["bytes"] { return isText(hexadecimal: bytes) }
            if case .string(let bytes)? = element["blob"] { return isBLOB(hexadecimal: bytes) }
            if let bits = element["bits"] { return hasElements(of: bits) }
            guard let members, members.count == expected.count else { return false }
            return zip(members, expected).allSatisfy { $0.name == $1.name && $0.value.hasElements(of: $1.value) }
        case .array(let expected):
            guard case .array(let values) = self, values.count == expected.count else { return false }
            return zip(values, expected).allSatisfy { $0.hasElements(of: $1) }
        case .number(let expected):
            switch self {
            case .number(let text):
                return text == expected || Double(text).map { String(format: "%g", $0) } == expected
            case .object(let members) where members.map(\.name) == ["value", "labels"]:
                return members[0].value.hasElements(of: element)
            default: return false
            }
        case .null, .bool, .string: return self == element
        }
    }

    private func isText(hexadecimal: String) -> Bool {
        guard case .string(let text) = self, let bytes = Data(hexadecimal: hexadecimal) else { return false }
        let encodings: [(String.Encoding, unitBytes: Int)] = [
            (.utf8, 1), (.utf16LittleEndian, 2), (.utf16BigEndian, 2), (.utf32LittleEndian, 4), (.utf32BigEndian, 4),
        ]
        return encodings.contains { encoding, unitBytes in
            // A text ends with its first NUL, or with its bytes.
            guard let start = text.data(using: encoding), bytes.starts(with: start) else { return false }
            let rest = bytes.dropFirst(start.count).prefix(unitBytes)
            return rest.isEmpty || rest.allSatisfy { $0 == 0 }
        }
    }

    private func isBLOB(hexadecimal: String) -> Bool {
        guard case .string(let text) = self else { return false }
        return Data(base64Encoded: text) == Data(hexadecimal: hexadecimal)
    }
}

extension Data {
    fileprivate init?(hexadecimal: String) {
        let digits = hexadecimal.compactMap(\.hexDigitValue)
        guard digits.count == hexadecimal.count, digits.count % 2 == 0 else { return nil }
        self.init(stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] * 16 + digits[$0 + 1]) })
    }
}
