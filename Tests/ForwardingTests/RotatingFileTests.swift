import Feed
import Foundation
import Testing

@testable import Forwarding

/// A file that is cut back to its state, wherever its writer was killed.
struct RotatingFileTests {
    private let folder: URL
    private var path: String { folder.path + "/events" }
    private let tokens = (1...9).map { number in
        ResumeToken(
            feed: FeedIdentity(id: FeedID(high: 1, low: 2)),
            sequence: UInt64(number),
            watermarkNs: 0
        ).text
    }

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("tidemark-file-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    private func text(_ suffix: String = "") -> String? {
        FileManager.default.contents(atPath: path + suffix).map { String(decoding: $0, as: UTF8.self) }
    }

    private func file() -> RotatingFile { RotatingFile(path: path, rotateBytes: 4, keep: 2) }

    /// Writes a text and the state after it.
    private func write(_ file: RotatingFile, _ text: String, _ token: String) throws {
        try file.append(Array(text.utf8))
        try file.sync()
        try file.save(token: token, bytes: file.byteCount)
    }

    /// Opens as whoever comes after a kill.
    private func reopen() throws -> (file: RotatingFile, surprise: String?, token: String?) {
        let file = file()
        let state = try file.savedState()
        return (file, try file.open(cutBackTo: state), state?.token)
    }

    private func end() { try? FileManager.default.removeItem(at: folder) }

    @Test
    func `what was written after the state is cut off`() throws {
        defer { end() }
        let first = file()
        #expect(try first.savedState() == nil)
        #expect(try first.open(cutBackTo: nil) == nil)
        try write(first, "a\n", tokens[0])
        try first.append(Array("half".utf8))
        let (second, surprise, token) = try reopen()
        #expect(surprise == nil && token == tokens[0] && text() == "a\n")
        try write(second, "b\n", tokens[1])
        #expect(text() == "a\nb\n" && second.isLong)
    }

    @Test
    func `files are set aside, and only so many are kept`() throws {
        defer { end() }
        let file = file()
        _ = try file.open(cutBackTo: nil)
        for number in 0..<4 {
            try write(file, "\(number)...\n", tokens[number])
            #expect(file.isLong)
            try file.rotate(token: tokens[number])
        }
        #expect(text() == "" && text(".1") == "3...\n" && text(".2") == "2...\n" && text(".3") == nil)
        #expect(try file.savedState()?.byteCount == 0)
    }

    @Test
    func `a kill between the renaming and the new state loses and repeats nothing`() throws {
        defer { end() }
        let first = file()
        _ = try first.open(cutBackTo: nil)
        try write(first, "one\n", tokens[0])
        // Set aside, and a new file begun: the state still tells of the old one.
        try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
        try Data("half".utf8).write(to: URL(fileURLWithPath: path))
        let (_, surprise, token) = try reopen()
        #expect(surprise == nil && token == tokens[0])
        #expect(text() == "" && text(".1") == "one\n")
    }

    @Test
    func `a kill between the renaming and the new file loses nothing either`() throws {
        defer { end() }
        let first = file()
        _ = try first.open(cutBackTo: nil)
        try write(first, "one\n", tokens[0])
        try first.append(Array("tail".utf8))
        try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
        let (second, surprise, _) = try reopen()
        #expect(surprise == nil && text() == "" && text(".1") == "one\n")
        try write(second, "two\n", tokens[1])
        #expect(try reopen().token == tokens[1] && text() == "two\n")
    }

    @Test
    func `a file that somebody has changed is not cut`() throws {
        defer { end() }
        let first = file()
        _ = try first.open(cutBackTo: nil)
        try write(first, "one\n", tokens[0])
        try FileManager.default.removeItem(atPath: path)
        try Data("foreign".utf8).write(to: URL(fileURLWithPath: path))
        // It may have been given the number of the one that is gone: then it is longer, or shorter, than that was.
        let (_, surprise, _) = try reopen()
        #expect(text()?.hasPrefix(surprise == nil ? "fore" : "foreign") == true)
        try Data("x".utf8).write(to: URL(fileURLWithPath: path))
        #expect(try reopen().surprise != nil && text() == "x\n")
    }

    @Test
    func `without a state the file goes on behind a line that has no end`() throws {
        defer { end() }
        for (before, after) in [("one\nhal", "one\nhal\n"), ("one\n", "one\n")] {
            try Data(before.utf8).write(to: URL(fileURLWithPath: path))
            let (file, surprise, token) = try reopen()
            #expect(token == nil && surprise == nil)
            #expect(text() == after && file.byteCount == UInt64(after.utf8.count))
        }
    }

    @Test
    func `a state that is damaged is said, and not taken for none`() throws {
        defer { end() }
        try Data("tidemark-forward 1\n".utf8).write(to: URL(fileURLWithPath: path + ".state"))
        #expect(throws: (any Error).self) { try file().savedState() }
        let state = FileState(token: tokens[0], byteCount: 5, fileNumber: 7)
        #expect(FileState(text: state.text) == state)
        for cut in 1..<state.text.utf8.count { #expect(FileState(text: String(state.text.prefix(cut))) == nil) }
    }
}
