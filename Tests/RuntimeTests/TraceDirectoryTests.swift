import CTF
import Coordinator
import Foundation
import Testing

@testable import Runtime

@Suite struct TraceDirectoryTests {
    /// A directory that is removed at the end of its test.
    private final class Scratch {
        let path = NSTemporaryDirectory() + "tidemark-directory-" + UUID().uuidString
        deinit { try? FileManager.default.removeItem(atPath: path) }

        func write(_ text: String, to name: String) throws {
            let url = URL(fileURLWithPath: "\(path)/\(name)")
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try Data(text.utf8).write(to: url)
        }
    }

    @Test func `indexes are found beside their files and are no data`() throws {
        let scratch = Scratch()
        for name in ["metadata", "main_0", "main_1", "index/main_0.idx", "index/other.idx", ".hidden"] {
            try scratch.write(name, to: name)
        }
        let found = try TraceDirectory.find(scratch.path)
        #expect(found.traces.count == 1)
        let files = try #require(found.traces.first).files
        #expect(files.map(\.name) == ["main_0", "main_1"])
        #expect(files.map(\.indexByteCount) == [16, 0])
    }

    @Test func `parts of files and of indexes are read`() throws {
        let scratch = Scratch()
        for name in ["metadata", "main_0", "index/main_0.idx"] { try scratch.write(name, to: name) }
        let found = try TraceDirectory.find(scratch.path)
        let files = StoredFileReader(found.traces, directories: found.directories)
        func text(_ part: StoredRange.Part, _ offset: UInt64, _ count: Int) throws -> String {
            let range = StoredRange(trace: 0, file: 0, part: part, offset: offset, count: count)
            let storage = try files.read(range)
            return withExtendedLifetime(storage) { String(decoding: storage.bytes, as: UTF8.self) }
        }
        #expect(try text(.packets, 0, 6) == "main_0")
        #expect(try text(.index, 6, 6) == "main_0")
        #expect(throws: FileError.self) { try text(.packets, 3, 6) }
    }
}
