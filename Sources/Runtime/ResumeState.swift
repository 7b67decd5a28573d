import Feed
import Glibc

/// What `tail --state FILE` keeps: how to go on, and how long the output was then.
package struct ResumeState: Sendable, Equatable {
    package var token: String
    /// Length of the output file, bytes; nil without one.
    package var outputBytes: UInt64?

    package init(token: String, outputBytes: UInt64?) {
        self.token = token
        self.outputBytes = outputBytes
    }

    /// The longest file that is read.
    private static let fileBytesMax = 4096

    /// - Returns: nil when there is no such file.
    /// - Throws: `FileError` when it cannot be read or is not a state file.
    package static func load(_ path: String) throws(FileError) -> ResumeState? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw FileError(path, "cannot be read", errno)
        }
        defer { close(descriptor) }
        // One byte more than a state may have: a longer file is not cut into a state.
        var bytes = [UInt8](repeating: 0, count: fileBytesMax + 1)
        let count = read(descriptor, &bytes, bytes.count)
        guard count >= 0 else { throw FileError(path, "cannot be read", errno) }
        guard count <= fileBytesMax,
            let state = ResumeState(text: String(decoding: bytes[..<count], as: UTF8.self))
        else {
            throw FileError(
                path: path,
                reason: "is no state file of tidemark tail, or a damaged one; without it tail starts at --from"
            )
        }
        return state
    }

    /// Whether a state could be saved there: found out before anything is printed.
    /// - Throws: `FileError` when it could not.
    package static func checkWritable(_ path: String) throws(FileError) {
        let temporary = path + ".new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileError(temporary, "cannot be written", errno) }
        close(descriptor)
        unlink(temporary)
    }

    init?(text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count >= 3, lines.last == "", lines[0] == "tidemark-state 1", lines[1].hasPrefix("token ") else {
            return nil
        }
        token = String(lines[1].dropFirst(6))
        guard ResumeToken(text: token) != nil else { return nil }
        if lines.count == 4 {
            guard lines[2].hasPrefix("output-bytes "), let length = UInt64(lines[2].dropFirst(13)) else { return nil }
            outputBytes = length
        } else if lines.count != 3 {
            return nil
        }
    }

    var text: String {
        "tidemark-state 1\ntoken \(token)\n" + (outputBytes.map { "output-bytes \($0)\n" } ?? "")
    }

    /// Replaces the file: whoever reads it sees the old state or the new one, whole.
    package func save(_ path: String) throws(FileError) {
        let temporary = path + ".new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileError(temporary, "cannot be written", errno) }
        let bytes = Array(text.utf8)
        let written = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        let fault = written == bytes.count ? 0 : written < 0 ? errno : ENOSPC
        close(descriptor)
        guard fault == 0 else { throw FileError(temporary, "cannot be written", fault) }
        guard rename(temporary, path) == 0 else { throw FileError(path, "cannot be replaced", errno) }
    }
}

/// A file that cannot be used.
package struct FileError: Error, Sendable, Equatable, CustomStringConvertible {
    package let path: String
    package let reason: String

    package init(path: String, reason: String) {
        self.path = path
        self.reason = reason
    }

    /// - Parameter code: the system's `errno`.
    package init(_ path: String, _ what: String, _ code: Int32) {
        self.init(path: path, reason: "\(what): \(systemText(code))")
    }

    package var description: String { "\(path): \(reason)" }
}
