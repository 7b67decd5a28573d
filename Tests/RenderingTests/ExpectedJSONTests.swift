import Foundation
import JSONLines
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
            // Sessions, hosts and files, which number the streams without an id, are not the renderer's to find.
            let event = try EventLine(printed: line).without("stream", "host")
            let expected = try EventLine(expected: expectedLine, path: "path").without("stream", "host")
            guard event == expected else {
                Issue.record("\(event.differences(from: expected)) differ:\n\(line)\nshould say\n\(expectedLine)")
                return
            }
        }
    }
}
