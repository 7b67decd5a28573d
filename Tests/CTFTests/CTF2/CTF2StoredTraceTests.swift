import CTF
import Testing

/// The stored traces of CTF 2, against the elements that their oracle reads: packet headers and contexts, event
/// headers, payloads, and where reading stops.
@Suite(.enabled(if: StoredTraces.folder != nil, "the stored traces are missing: ../shared/data/ctf"))
struct CTF2StoredTraceTests {
    static let entries = StoredTraces.ctf2Entries.filter { !$0.name.contains("-meta-") }

    /// Traces that are not compared to the end, and why.
    static let exceptions = [
        "yactfr-ctf2-auto/pass-diff-magic": "its packet is of no stream class: an error for us, nothing for the oracle"
    ]

    /// Where our error stands elsewhere than the oracle's, and why.
    static let otherOffsets: [String: UInt64] = [
        // An unknown event class is named by where the event begins.
        "yactfr-ctf2-auto/fail-unknown-ert-id": 0,
        // Texts are read whole, where the oracle takes what is there.
        "yactfr-ctf2-auto/fail-dl-str-beyond-data": 336, "yactfr-ctf2-auto/fail-var-beyond-data": 8,
    ]

    @Test func `there are traces`() {
        #expect(Self.entries.count >= 38)
    }

    @Test(arguments: entries.filter { $0.verdict == "pass" && exceptions[$0.name] == nil })
    func `a good trace has the elements of the oracle`(_ entry: StoredTraces.Entry) throws {
        let elements = try Self.elements(entry)
        #expect(elements.error == nil)
        try Self.compare(elements, entry)
    }

    @Test(arguments: entries.filter { $0.verdict == "fail" })
    func `a bad trace stops where the oracle stops, behind the same elements`(_ entry: StoredTraces.Entry) throws {
        let elements = try Self.elements(entry)
        try Self.compare(elements, entry)
        let error = try #require(elements.error)
        let offset = try #require(Self.offset(entry))
        #expect(error.positionBits == Self.otherOffsets[entry.name] ?? offset)
    }

    @Test func `a packet of no stream class is refused`() throws {
        let entry = try #require(Self.entries.first { Self.exceptions[$0.name] != nil })
        #expect(try Self.elements(entry).error?.code == .unknownStreamClass)
    }

    // MARK: - Helpers

    private static func elements(_ entry: StoredTraces.Entry) throws -> ElementLines {
        let metadata = try #require(entry.metadata)
        let traceClass = try #require(try MetadataReader.read(metadata))
        let bytes = try #require(StoredTraces.read((StoredTraces.folder ?? "") + "/traces/\(entry.name)/stream"))
        return try ElementLines(traceClass, bytes)
    }

    private static func expectedLines(_ entry: StoredTraces.Entry) -> [String] {
        let path = (StoredTraces.folder ?? "") + "/expected/\(entry.name).elements.jsonl"
        return String(decoding: StoredTraces.read(path) ?? [], as: UTF8.self).split(separator: "\n").map(String.init)
    }

    private static func offset(_ entry: StoredTraces.Entry) -> UInt64? {
        guard let line = expectedLines(entry).last, line.hasPrefix("{\"error\"") else { return nil }
        return line.split(separator: " ").last.flatMap { UInt64($0.dropLast()) }
    }

    private static func compare(_ elements: ElementLines, _ entry: StoredTraces.Entry) throws {
        let expected = expectedLines(entry).filter { !$0.hasPrefix("{\"error\"") }
        #expect(elements.lines.count == expected.count)
        for (line, expected) in zip(elements.lines, expected) {
            #expect(ElementLines.matches(line, expected), "\(line)\nis expected to be\n\(expected)")
        }
    }
}
