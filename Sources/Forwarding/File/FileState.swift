import Feed
import Glibc
import Runtime

/// How far the feed is in a file.
struct FileState: Equatable {
    var token: String
    /// Bytes of the file after the token's frame.
    var byteCount: UInt64
    /// The file's number in its file system.
    var fileNumber: UInt64

    /// The longest state that is read.
    private static let bytesMax = 4096
    private static let title = "tidemark-forward 1"

    init(token: String, byteCount: UInt64, fileNumber: UInt64) {
        self.token = token
        self.byteCount = byteCount
        self.fileNumber = fileNumber
    }

    init?(text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count == 5, lines[0] == Self.title, lines[4].isEmpty, lines[1].hasPrefix("token "),
            lines[2].hasPrefix("bytes "), lines[3].hasPrefix("file "), let bytes = UInt64(lines[2].dropFirst(6)),
            let number = UInt64(lines[3].dropFirst(5)), ResumeToken(text: lines[1].dropFirst(6)) != nil
        else { return nil }
        (token, byteCount, fileNumber) = (String(lines[1].dropFirst(6)), bytes, number)
    }

    var text: String { "\(Self.title)\ntoken \(token)\nbytes \(byteCount)\nfile \(fileNumber)\n" }

    /// - Returns: nil when there is no such file.
    /// - Throws: when it cannot be read, or is no state.
    static func load(_ path: String) throws(FileError) -> FileState? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw FileError(path, "cannot be read", errno)
        }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: bytesMax + 1)
        let count = read(descriptor, &bytes, bytes.count)
        guard count >= 0 else { throw FileError(path, "cannot be read", errno) }
        guard count <= bytesMax, let state = FileState(text: String(decoding: bytes[..<count], as: UTF8.self)) else {
            throw FileError(
                path: path,
                reason: "is no state of a forwarder's file, or a damaged one; without it the file is written anew from "
                    + "the log's beginning, behind what it has"
            )
        }
        return state
    }

    /// Replaces the file: whoever reads it sees the old state or the new one, whole. It is on disk when this returns.
    func save(_ path: String) throws(FileError) {
        let temporary = path + ".new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileError(temporary, "cannot be written", errno) }
        let bytes = Array(text.utf8)
        let written = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        var fault = written == bytes.count ? 0 : written < 0 ? errno : ENOSPC
        if fault == 0, fdatasync(descriptor) != 0 { fault = errno }
        close(descriptor)
        guard fault == 0 else { throw FileError(temporary, "cannot be written", fault) }
        guard rename(temporary, path) == 0 else { throw FileError(path, "cannot be replaced", errno) }
    }

    /// Names of files are on disk when this returns.
    static func syncDirectory(of path: String) throws(FileError) {
        let end = path.lastIndex(of: "/")
        let directory = end.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(directory, "cannot be opened", errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw FileError(directory, "cannot be written", errno) }
    }
}
