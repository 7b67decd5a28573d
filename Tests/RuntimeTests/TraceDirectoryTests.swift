import CTF
import Coordinator
import Foundation
import Glibc
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
        let found = TraceDirectory.find(scratch.path)
        #expect(found.traces.count == 1)
        let files = try #require(found.traces.first).files
        #expect(files.map(\.name) == ["main_0", "main_1"])
        #expect(files.map(\.indexByteCount) == [16, 0])
    }

    @Test func `parts of files and of indexes are read`() throws {
        let scratch = Scratch()
        for name in ["metadata", "main_0", "index/main_0.idx"] { try scratch.write(name, to: name) }
        let found = TraceDirectory.find(scratch.path)
        let files = StoredFileReader(found.places)
        func text(_ part: StoredRange.Part, _ offset: UInt64, _ count: Int) throws -> String {
            let range = StoredRange(trace: 0, file: 0, part: part, offset: offset, count: count)
            let storage = try files.read(range)
            return withExtendedLifetime(storage) { String(decoding: storage.bytes, as: UTF8.self) }
        }
        #expect(try text(.packets, 0, 6) == "main_0")
        #expect(try text(.index, 6, 6) == "main_0")
        #expect(throws: FileError.self) { try text(.packets, 3, 6) }
    }

    // MARK: - Names that are not UTF-8

    @Test func `files and directories whose names are not UTF-8 are read`() throws {
        let scratch = Scratch()
        for name in ["caf-/metadata", "caf-/s-", "caf-/index/s-.idx"] { try scratch.write(name, to: name) }
        // Each "-" becomes the byte E9, that of "é" in Latin-1; what is inside of the directory first.
        for name in ["caf-/s-", "caf-/index/s-.idx", "caf-"] {
            let end = name.lastIndex(of: "-") ?? name.endIndex
            let new = Array("\(scratch.path)/\(name[..<end])".utf8) + [0xE9] + Array(name[end...].dropFirst().utf8)
            let path = new.map { CChar(bitPattern: $0) } + [0]
            try #require(rename("\(scratch.path)/\(name)", path) == 0)
        }
        let found = TraceDirectory.find(scratch.path)
        #expect(found.faults.isEmpty)
        #expect(found.traces.map(\.relativePath) == ["caf\u{FFFD}"])
        let file = try #require(found.traces.first?.files.first)
        #expect(file.name == "s\u{FFFD}" && file.byteCount == 7 && file.indexByteCount == 17)
        let files = StoredFileReader(found.places)
        for part in [StoredRange.Part.packets, .index] {
            let storage = try files.read(StoredRange(trace: 0, file: 0, part: part, offset: 0, count: 4))
            withExtendedLifetime(storage) { #expect(String(decoding: storage.bytes, as: UTF8.self) == "caf-") }
        }
    }

    // MARK: - What cannot be looked at

    /// What is found below a directory with the traces a and z, and something bad between them.
    private func found(_ make: (Scratch) throws -> Void) throws -> (names: [String], faults: [String]) {
        let scratch = Scratch()
        for name in ["a/metadata", "z/metadata"] { try scratch.write(name, to: name) }
        try make(scratch)
        let found = TraceDirectory.find(scratch.path)
        let faults = found.faults.map { String("\($0)".dropFirst(scratch.path.utf8.count + 1)) }
        return (found.traces.map(\.relativePath), faults)
    }

    @Test func `a directory that nests too deeply costs itself only`() throws {
        let deep = Array(repeating: "d", count: 40).joined(separator: "/")
        let (names, faults) = try found { try $0.write("", to: "m/\(deep)/metadata") }
        #expect(names == ["a", "z"])
        #expect(faults == ["m/\(Array(repeating: "d", count: 32).joined(separator: "/")): directories nest too deeply"])
    }

    @Test func `a link that leads back leads nowhere new`() throws {
        let (names, faults) = try found { scratch in
            try scratch.write("", to: "m/metadata")
            for (name, target) in [("m/self", "."), ("m/up", ".."), ("self", ".")] {
                try #require(symlink(target, "\(scratch.path)/\(name)") == 0)
            }
        }
        #expect(names == ["a", "m", "z"])
        #expect(faults.isEmpty)
    }

    @Test func `a link that leads nowhere is nothing, and one that leads to itself is told`() throws {
        let (names, faults) = try found { scratch in
            try #require(symlink("gone", "\(scratch.path)/b") == 0)
            try #require(symlink("c", "\(scratch.path)/c") == 0)
        }
        #expect(names == ["a", "z"])
        #expect(faults == ["c: Too many levels of symbolic links"])
    }

    @Test func `metadata that is too large costs its trace only`() throws {
        let (names, faults) = try found { scratch in
            try scratch.write("", to: "m/metadata")
            try scratch.write("", to: "m/below/metadata")
            try #require(truncate("\(scratch.path)/m/metadata", 1 << 30) == 0)
        }
        #expect(names == ["a", "m/below", "z"])
        #expect(faults == ["m/metadata: larger than 67108864 bytes"])
    }

    /// Whoever may read all files sees nothing that is forbidden: then the test looks as another user.
    @Test func `what may not be read costs itself only, and is told`() throws {
        let scratch = Scratch()
        for name in ["a", "m", "z", "closed", "blind"] { try scratch.write("", to: "\(name)/metadata") }
        #expect(chmod("\(scratch.path)/m/metadata", 0) == 0)
        #expect(chmod("\(scratch.path)/closed", 0) == 0)
        #expect(chmod("\(scratch.path)/blind", 0o444) == 0)
        defer { for name in ["closed", "blind"] { chmod("\(scratch.path)/\(name)", 0o755) } }
        // Of this thread alone: what the file system allows it.
        typealias SetUser = @convention(c) (uid_t) -> CInt
        let setUser = unsafeBitCast(try #require(dlsym(nil, "setfsuid")), to: SetUser.self)
        if getuid() == 0 { _ = setUser(65534) }
        defer { if getuid() == 0 { _ = setUser(0) } }
        let found = TraceDirectory.find(scratch.path)
        #expect(found.traces.map(\.relativePath) == ["a", "z"])
        let denied = ["blind/metadata", "closed", "m/metadata"].map { "\(scratch.path)/\($0): Permission denied" }
        #expect(found.faults.map(\.description) == denied)
    }

    @Test func `what cannot be looked at is told up to a limit`() throws {
        let scratch = Scratch()
        try scratch.write("", to: "a/metadata")
        for number in 0..<TraceDirectory.Limits.faults + 10 {
            try #require(symlink("link-\(number)", "\(scratch.path)/link-\(number)") == 0)
        }
        let found = TraceDirectory.find(scratch.path)
        #expect(found.traces.count == 1)
        #expect(found.faults.count == TraceDirectory.Limits.faults + 1)
        #expect(found.faults.last?.reason == "too many faults; the search ends here")
    }

    @Test func `a directory that is none, or holds no trace, is a fault`() throws {
        let scratch = Scratch()
        try scratch.write("", to: "file")
        #expect(TraceDirectory.find(scratch.path).faults.map(\.reason) == ["holds no CTF trace (no metadata file)"])
        #expect(TraceDirectory.find(scratch.path + "/gone").faults.map(\.reason) == ["No such file or directory"])
        #expect(TraceDirectory.find(scratch.path + "/file").faults.map(\.reason) == ["Not a directory"])
    }
}
