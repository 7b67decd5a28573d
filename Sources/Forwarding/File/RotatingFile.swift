import Glibc
import Runtime

/// A file that is appended to, made sure of, and set aside when it is long.
///
/// Beside it stands its state, `PATH.state`: how far the feed is in it, how long it was then, and which file that was.
/// It is written after the bytes that it tells of are on disk, and replaced as a whole; so whoever begins again cuts
/// the file back to it, and each event is in the files once, whatever was killed. A file is set aside by renaming
/// (`PATH.1` is the newest), and keeps its number in the file system by which it is found again when we are killed in
/// the middle.
final class RotatingFile {
    private let path: String
    private let rotateBytes: UInt64?
    private let keep: Int
    private var descriptor: Int32 = -1
    private(set) var byteCount: UInt64 = 0
    private var fileNumber: UInt64 = 0

    init(path: String, rotateBytes: UInt64?, keep: Int) {
        self.path = path
        self.rotateBytes = rotateBytes
        self.keep = keep
    }

    deinit { closeFile() }

    private var statePath: String { path + ".state" }

    /// - Returns: nil when there is no state.
    func savedState() throws(FileError) -> FileState? { try FileState.load(statePath) }

    /// Opens the file, and makes it if it is not there.
    /// - Parameter state: what was written after it is cut off, since it comes again; nil: nothing is cut, and a line
    ///   that has no end is ended.
    /// - Returns: why the file is not the one that the state tells of; nil where it is.
    func open(cutBackTo state: FileState?) throws(FileError) -> String? {
        closeFile()
        let found = try number(of: path)
        var surprise: String?
        var keepBytes: UInt64?
        if let state {
            if found == state.fileNumber {
                keepBytes = state.byteCount
            } else if try number(of: path + ".1") == state.fileNumber {
                // Set aside, and then killed: all that the new file has came after the state.
                try Self.cut(path + ".1", to: state.byteCount)
                keepBytes = 0
            } else {
                surprise = "the file is not the one that was written before: it goes on as it is"
            }
        }
        descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw FileError(path, "cannot be written", errno) }
        let status = try status(descriptor, path)
        (byteCount, fileNumber) = (UInt64(clamping: status.st_size), UInt64(status.st_ino))
        if let keepBytes {
            if byteCount < keepBytes {
                surprise = "the file is shorter than it was: it goes on as it is"
            } else {
                try cutBack(to: keepBytes)
            }
        }
        if keepBytes == nil || surprise != nil { try endLine() }
        if found == nil { try syncDirectory() }
        return surprise
    }

    /// Whoever wrote the last line may have been killed in the middle of it.
    private func endLine() throws(FileError) {
        var last: UInt8 = 0
        guard byteCount > 0, pread(descriptor, &last, 1, off_t(clamping: byteCount - 1)) == 1 else { return }
        if last != UInt8(ascii: "\n") { try append([UInt8(ascii: "\n")]) }
    }

    /// Takes back what was written after the file had so many bytes.
    func cutBack(to bytes: UInt64) throws(FileError) {
        guard ftruncate(descriptor, off_t(clamping: bytes)) == 0 else {
            throw FileError(path, "cannot be cut back", errno)
        }
        byteCount = bytes
    }

    func append(_ bytes: [UInt8]) throws(FileError) {
        let fault = bytes.withUnsafeBytes { bytes in
            var rest = bytes
            while !rest.isEmpty {
                let count = write(descriptor, rest.baseAddress, rest.count)
                guard count >= 0 else {
                    if errno == EINTR { continue }
                    return errno
                }
                byteCount += UInt64(count)
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
            }
            return 0
        }
        guard fault == 0 else { throw FileError(path, "cannot be written", fault) }
    }

    /// The bytes are on disk when it returns.
    func sync() throws(FileError) {
        guard fdatasync(descriptor) == 0 else { throw FileError(path, "cannot be written", errno) }
    }

    /// - Parameter bytes: how long the file was after the token's frame.
    func save(token: String, bytes: UInt64) throws(FileError) {
        try FileState(token: token, byteCount: bytes, fileNumber: fileNumber).save(statePath)
    }

    var isLong: Bool { rotateBytes.map { byteCount >= $0 } ?? false }

    /// Sets the file aside and begins a new one. Whatever it has is told by a state that is saved.
    /// - Parameter token: of that state.
    func rotate(token: String) throws(FileError) {
        for number in stride(from: keep, to: 1, by: -1) where access("\(path).\(number - 1)", F_OK) == 0 {
            try Self.move("\(path).\(number - 1)", to: "\(path).\(number)")
        }
        try Self.move(path, to: path + ".1")
        try syncDirectory()
        _ = try open(cutBackTo: nil)
        try save(token: token, bytes: 0)
    }

    func closeFile() {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
    }

    // MARK: The system

    private func syncDirectory() throws(FileError) {
        try FileState.syncDirectory(of: path)
    }

    /// The file's number; nil when there is no file.
    private func number(of path: String) throws(FileError) -> UInt64? {
        var status = stat()
        guard stat(path, &status) == 0 else {
            if errno == ENOENT { return nil }
            throw FileError(path, "cannot be written", errno)
        }
        return UInt64(status.st_ino)
    }

    private func status(_ descriptor: Int32, _ path: String) throws(FileError) -> stat {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileError(path, "cannot be written", errno) }
        return status
    }

    private static func cut(_ path: String, to bytes: UInt64) throws(FileError) {
        guard truncate(path, off_t(clamping: bytes)) == 0 else {
            throw FileError(path, "cannot be cut back", errno)
        }
    }

    private static func move(_ old: String, to new: String) throws(FileError) {
        guard rename(old, new) == 0 else { throw FileError(old, "cannot be renamed", errno) }
    }
}
