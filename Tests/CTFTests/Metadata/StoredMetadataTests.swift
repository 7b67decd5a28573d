import CTF
import Testing

/// Every stored trace's metadata is read, or refused, as its suite says.
@Suite(.enabled(if: StoredTraces.folder != nil, "the stored traces are missing: ../shared/data/ctf"))
struct StoredMetadataTests {
    /// Suites in which `fail` is about the metadata.
    private static let metadataSuites = ["cts-metadata-fail/", "yactfr-meta-ctf1/"]
    private static let refusedElsewhere = ["bt-fail/metadata-syntax-error", "bt-fail/smalltrace"]

    /// Rows that are read although their suite says `fail`, and why.
    private static let exceptions = [
        "yactfr-meta-ctf1/fail-dst-unknown-attr": "attributes that are not known are ignored, as babeltrace2 does"
    ]

    @Test(arguments: StoredTraces.entries.filter { $0.verdict == "pass" })
    func `metadata that passes is read`(_ entry: StoredTraces.Entry) throws {
        let bytes = try #require(entry.metadata)
        #expect(throws: Never.self) { try MetadataReader.read(bytes) }
    }

    @Test(
        arguments: StoredTraces.entries.filter { entry in
            entry.verdict == "fail"
                && (metadataSuites.contains { entry.name.hasPrefix($0) } || refusedElsewhere.contains(entry.name))
        }
    )
    func `metadata that fails is refused`(_ entry: StoredTraces.Entry) throws {
        let bytes = try #require(entry.metadata)
        if Self.exceptions[entry.name] != nil {
            #expect(throws: Never.self) { try MetadataReader.read(bytes) }
        } else {
            #expect(throws: MetadataError.self) { try MetadataReader.read(bytes) }
        }
    }
}
