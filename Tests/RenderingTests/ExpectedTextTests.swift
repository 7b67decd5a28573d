import Foundation
import Rendering
import Testing

/// Texts as babeltrace2 2.0.4 printed them with
/// `--clock-gmt --clock-date --no-delta -n all -f trace:hostname,trace:domain,trace:procname,trace:vpid,loglevel,emf`.
struct ExpectedTextTests {
    private static let options: RenderingOptions = {
        var options = RenderingOptions(format: .text)
        options.text.clockGMT = true
        options.text.clockDate = true
        options.text.showsDelta = false
        options.text.names = .all
        options.text.fields = TextFields.all.subtracting(.trace)
        return options
    }()

    @Test(
        .enabled(if: SharedTraces.root != nil, "the shared traces are missing: <repository>/../shared/data/ctf"),
        arguments: try SharedTraces.passing().map(\.name)
    )
    func `text is what babeltrace2 printed`(name: String) throws {
        let root = try #require(SharedTraces.root)
        let expectedURL = root.appendingPathComponent("expected/\(name).pretty.txt")
        let expected = String(decoding: try Data(contentsOf: expectedURL), as: UTF8.self)
        let directory = try TraceDirectory(root.appendingPathComponent("traces/\(name)"))
        let (text, _) = try rendered(directory.batch, Self.options)
        guard text != expected else { return }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        var expectedLines = expected.split(separator: "\n", omittingEmptySubsequences: false)
        if SharedTraces.unordered.contains(name) {
            lines.sort()
            expectedLines.sort()
            if lines == expectedLines { return }
        }
        let pairs = zip(lines, expectedLines)
        let first = pairs.first { $0.0 != $0.1 }
        Issue.record("differs first in\n\(first?.0 ?? "")\nwhich should be\n\(first?.1 ?? "")")
    }
}
