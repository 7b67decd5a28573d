import CTF
import PacketWriter
import Testing

/// The stored traces of other projects' suites, against what their oracles make of them.
@Suite struct StoredTraceTests {
    /// A line of the index: trace, verdict, events.
    struct Entry: CustomStringConvertible {
        var name: String
        var verdict: String
        var eventCount: Int
        var description: String { name }
    }

    /// Traces of CTF 1.8 with streams; those of the metadata suites are read elsewhere.
    static let entries: [Entry] = {
        guard let folder = StoredTraces.folder, let index = StoredTraces.read(folder + "/INDEX.tsv") else { return [] }
        return String(decoding: index, as: UTF8.self).split(separator: "\n").dropFirst().compactMap { line in
            let columns = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            guard columns.count >= 3, !columns[0].contains("ctf2"), !columns[0].contains("-meta-"),
                !columns[0].hasPrefix("cts-metadata-fail"), let count = Int(columns[2])
            else { return nil }
            return Entry(name: columns[0], verdict: columns[1], eventCount: count)
        }
    }()

    static let passing = entries.filter { $0.verdict == "pass" }
    static let failing = entries.filter { $0.verdict == "fail" && exceptions[$0.name] == nil }

    /// Bad traces that are not compared, and why.
    static let exceptions = [
        "bt-fail/metadata-syntax-error": "its metadata is refused",
        "bt-fail/smalltrace": "its metadata is refused",
        "cts-stream-fail/cross-packet-event-sequence-start":
            "babeltrace2 reads the event's end out of the next packet; it is not an event, and we show none",
    ]

    @Test func `the stored traces are there`() {
        #expect(StoredTraces.folder != nil, "no stored traces beside the repository: nothing is compared")
        #expect(StoredTraces.folder == nil || Self.passing.count > 40)
    }

    @Test(arguments: passing)
    func `a good trace decodes to what the oracle shows`(entry: Entry) throws {
        let metadata = try #require(Self.metadata(entry.name))
        let traceClass = try #require(try MetadataReader.read(metadata))
        let expected = Self.expectedLines(entry.name)
        let events = try StoredTraceEvents(entry.name, traceClass, rendersLines: expected != nil)
        #expect(events.errors == [])
        #expect(events.scannedCount == entry.eventCount)
        guard let expected else { return }
        #expect(events.lines.count == expected.count)
        for (decoded, line) in zip(events.lines.sorted(), expected.sorted()) where decoded != line {
            Issue.record("\(decoded)\nis expected to be\n\(line)")
            break
        }
    }

    @Test(arguments: failing)
    func `a bad trace stops with an error after its good events`(entry: Entry) throws {
        // One suite keeps its trace one folder down.
        let name = Self.metadata(entry.name) == nil ? entry.name + "/trace" : entry.name
        let metadata = try #require(Self.metadata(name))
        let traceClass = try #require(try MetadataReader.read(metadata))
        let events = try StoredTraceEvents(name, traceClass)
        #expect(events.errors.count == 1)
        #expect(events.scannedCount == Self.eventCountOfElements(entry.name) ?? entry.eventCount)
    }

    static func metadata(_ name: String) -> [UInt8]? {
        StoredTraces.read((StoredTraces.folder ?? "") + "/traces/\(name)/metadata")
    }

    /// How many events yactfr decodes before the error, where it is the oracle: it keeps to the content's end, as we
    /// do.
    static func eventCountOfElements(_ name: String) -> Int? {
        let path = (StoredTraces.folder ?? "") + "/expected/\(name).elements.jsonl"
        return StoredTraces.read(path).map { bytes in
            String(decoding: bytes, as: UTF8.self).split(separator: "\n").count { $0.contains("\"name\": ") }
        }
    }

    /// The expected events, without the stream's number, which is not the decoder's; nil when there is no such file.
    static func expectedLines(_ name: String) -> [String]? {
        guard let bytes = StoredTraces.read((StoredTraces.folder ?? "") + "/expected/\(name).jsonl") else { return nil }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
            guard line.hasPrefix("{\"ns\"") else { return nil }
            let parts = line.split(separator: "\"stream\":", maxSplits: 1)
            guard parts.count == 2, let comma = parts[1].firstIndex(of: ",") else { return String(line) }
            return String(parts[0]) + parts[1][parts[1].index(after: comma)...]
        }
    }
}
