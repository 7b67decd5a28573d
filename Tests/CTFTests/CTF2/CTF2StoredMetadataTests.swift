import CTF
import Testing

/// The metadata of every stored trace of CTF 2 is read, or refused, as its suite says.
@Suite(.enabled(if: StoredTraces.folder != nil, "the stored traces are missing: ../shared/data/ctf"))
struct CTF2StoredMetadataTests {
    /// Rows that are read although their suite says `fail`, or the other way round, and why.
    private static let exceptions: [String: String] = [:]

    private static func isRead(_ entry: StoredTraces.Entry) -> Bool {
        // Suites of traces fail where the stream is wrong.
        (entry.verdict == "pass" || !entry.name.contains("-meta-")) != (exceptions[entry.name] != nil)
    }

    @Test func `there are suites`() {
        #expect(StoredTraces.ctf2Entries.count { $0.name.contains("-meta-") } >= 110)
    }

    @Test(arguments: StoredTraces.ctf2Entries.filter { isRead($0) })
    func `metadata that passes is read, and compiles`(_ entry: StoredTraces.Entry) throws {
        let bytes = try #require(entry.metadata)
        let traceClass = try #require(try MetadataReader.read(bytes))
        _ = try TraceProgram(traceClass)
    }

    @Test(arguments: StoredTraces.ctf2Entries.filter { !isRead($0) })
    func `metadata that fails is refused`(_ entry: StoredTraces.Entry) throws {
        let bytes = try #require(entry.metadata)
        #expect(throws: MetadataError.self) { try MetadataReader.read(bytes) }
    }
}
