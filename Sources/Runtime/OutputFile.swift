import Glibc

/// Where a command's data goes: standard output, or a file that is appended to. Confined to the printing thread, which
/// `@unchecked Sendable` stands for.
package final class OutputFile: @unchecked Sendable {
    private let descriptor: Int32
    private let name: String
    /// Length of the file, bytes; nil for standard output.
    package private(set) var byteCount: UInt64?
    /// Why it cannot be written; nil while it can.
    package private(set) var fault: FileError?
    /// Whether nobody reads it any more (a closed pipe): no fault, but nothing more is wanted.
    package private(set) var isReaderGone = false

    private init(descriptor: Int32, name: String, byteCount: UInt64?) {
        self.descriptor = descriptor
        self.name = name
        self.byteCount = byteCount
    }

    package static func standardOutput() -> OutputFile {
        OutputFile(descriptor: 1, name: "standard output", byteCount: nil)
    }

    /// Opens or makes a file to append to.
    /// - Parameter saved: what was written after this state is cut off, since it comes again.
    /// - Throws: when it cannot be opened or cut, or is shorter than the state says.
    package convenience init(appendingTo path: String, saved: ResumeState?) throws(FileError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileError(path, "cannot be written", errno) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            defer { close(descriptor) }
            throw FileError(path, "cannot be written", errno)
        }
        var length = UInt64(clamping: status.st_size)
        if let keep = saved?.outputBytes {
            guard length >= keep else {
                close(descriptor)
                throw FileError(
                    path: path,
                    reason: "has \(length) bytes, where the state file says \(keep): it was changed since"
                )
            }
            guard length == keep || ftruncate(descriptor, off_t(clamping: keep)) == 0 else {
                defer { close(descriptor) }
                throw FileError(path, "cannot be cut back", errno)
            }
            length = keep
        }
        self.init(descriptor: descriptor, name: path, byteCount: length)
    }

    deinit {
        if descriptor > 2 { close(descriptor) }
    }

    /// Writes all of `bytes`; may block.
    /// - Returns: false when nothing more can be written, or is wanted.
    package func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard fault == nil, !isReaderGone else { return false }
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
            if count >= 0 {
                byteCount = byteCount.map { $0 + UInt64(count) }
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN: waitForRoom()
            case EPIPE:
                isReaderGone = true
                return false
            case let code:
                fault = FileError(name, "cannot be written", code)
                return false
            }
        }
        return true
    }

    /// Somebody else may have made the terminal or pipe non-blocking.
    private func waitForRoom() {
        var descriptors = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        _ = poll(&descriptors, 1, -1)
    }
}
