import Foundation
import Testing

/// Every required trace through `tidemark view`, as text.
@Suite(.enabled(if: RequiredTrace.folder != nil, "the stored traces are missing: <repository>/../shared/data/ctf"))
struct RequiredTextTests {
    @Test
    func `all rows of the index are looked at`() {
        #expect(RequiredTrace.all(.pass).count >= 166)
        #expect(RequiredTrace.all(.fail).count >= 218)
    }

    @Test(arguments: RequiredTrace.all(.pass))
    func `a good trace prints byte for byte what babeltrace2 prints, and view exits 0`(trace: RequiredTrace) throws {
        let view = try trace.view(RequiredTrace.textOptions)
        #expect(view.status == 0, "\(view.error)")
        // Losses are said, and nothing else.
        let lines = view.error.split(separator: "\n")
        #expect(lines.allSatisfy { $0.hasPrefix("WARNING: Tracer discarded ") }, "\(view.error)")
        // babeltrace2 2.0.4 knows no CTF 2: there the elements that the JSON test compares with are all there is.
        guard let expected = trace.expectation("pretty.txt") else {
            #expect(trace.suite.contains("ctf2"), "no expectation")
            return
        }
        if trace.path == ContradictedExpectation.lateEvents {
            try Self.expectSwaps(view.output, expected, count: ContradictedExpectation.lateEventCount)
        } else {
            expectSameLines(view.output, expected, trace.path)
        }
    }

    @Test(arguments: RequiredTrace.all(.fail))
    func `a bad trace prints what is before the fault and names it, and view exits 1`(trace: RequiredTrace) throws {
        let view = try trace.view(RequiredTrace.textOptions)
        guard trace.path != ContradictedExpectation.readable else {
            #expect(view.status == 0 && view.output.isEmpty && view.error.isEmpty, "\(view.error)")
            return
        }
        #expect(view.status == 1, "\(view.error)")
        try Self.expectFault(named: view.error, of: trace)
        // Twice 2.0.4 has crashed; then nothing is written.
        let expected = trace.expectation("pretty.txt") ?? Data()
        if trace.path == ContradictedExpectation.eventBeyondContent {
            #expect(expected.lineCount == 1)
            #expect(view.output.isEmpty, "\(view.text)")
        } else if ContradictedExpectation.eventBeforeFault.contains(trace.path) {
            #expect(expected.isEmpty)
            #expect(view.output.lineCount == 1, "\(view.text)")
        } else if !trace.suite.contains("ctf2") {
            expectSameLines(view.output, expected, trace.path)
        }
    }

    /// One line that says where and what: trace, stream, packet and bit, or trace and place in the metadata.
    private static func expectFault(named error: String, of trace: RequiredTrace) throws {
        let lines = error.split(separator: "\n")
        #expect(lines.count == 1, "\(error)")
        let line = try #require(lines.first)
        // One suite keeps its trace one folder down.
        let rest = line.split(separator: ": ", maxSplits: 1)
        #expect(rest.count == 2 && (rest[0] == trace.name || rest[0] == trace.name + "/trace"), "\(line)")
        let isOfPacket =
            rest.last?.wholeMatch(of: /stream [^,]+, packet at byte \d+: .+ at byte \d+, bit [0-7] of the packet/)
            != nil
        let isOfMetadata = rest.last?.wholeMatch(of: /metadata line [1-9]\d*, column [1-9]\d*: .+/) != nil
        let hasBadMetadata = trace.suite.contains("metadata") || trace.suite.contains("-meta-")
        if hasBadMetadata { #expect(isOfMetadata, "\(line)") } else { #expect(isOfPacket || isOfMetadata, "\(line)") }
    }

    /// The texts are equal but for neighbours that have changed places.
    private static func expectSwaps(_ left: Data, _ right: Data, count: Int) throws {
        let left = left.split(separator: 10)
        let right = right.split(separator: 10)
        try #require(left.count == right.count)
        var swaps = 0
        var index = 0
        while index < left.count {
            if left[index] == right[index] {
                index += 1
            } else {
                try #require(index + 1 < left.count)
                try #require(left[index] == right[index + 1] && left[index + 1] == right[index], "line \(index + 1)")
                swaps += 1
                index += 2
            }
        }
        #expect(swaps == count)
    }
}
