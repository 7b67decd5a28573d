package import CTF
package import FeedLog
import Glibc
import Synchronization

/// The directory of a log on disk, as this process's own: nobody else may write there meanwhile.
///
/// Its files are readable by their owner only. Whether the machine lost power with frames in its memory is seen from
/// the lock file: it holds the number of the system's start while a coordinator runs.
package final class LogDirectory: LogStorage {
    /// The file that is appended to.
    private struct Current {
        var name: String
        var descriptor: Int32
    }

    private static let lockName = "lock"
    private static let temporarySuffix = ".new"
    /// What the system takes at a time.
    private static let vectorsMax = 1024

    private let path: FilePath
    private let directory: Int32
    private let lock: Int32
    private let current = Mutex<Current?>(nil)
    /// Whether the last coordinator did not end in order, and the machine has been started since.
    package let mayHaveLostFrames: Bool

    /// Makes the directory if it is not there (not those above it).
    /// - Throws: `LogDirectoryError`: also when another coordinator uses it.
    package init(_ path: String) throws(LogDirectoryError) {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw .unusable(FileError(path, "log.directory", errno))
        }
        let directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw .unusable(FileError(path, "log.directory", errno)) }
        do throws(LogDirectoryError) {
            lock = try Self.lock(path)
        } catch {
            Glibc.close(directory)
            throw error
        }
        self.path = FilePath(path)
        self.directory = directory
        let start = Self.systemStart()
        let last = Self.content(of: lock)
        mayHaveLostFrames = !last.isEmpty && last != start
        Self.write(start, to: lock)
    }

    deinit {
        current.withLock { if let current = $0 { Glibc.close(current.descriptor) } }
        Glibc.close(lock)
        Glibc.close(directory)
    }

    package func close(isWhole: Bool) {
        if isWhole { Self.write([], to: lock) }
        flock(lock, LOCK_UN)
    }

    // MARK: The lock file

    /// - Returns: the lock file, which is this process's as long as it is open.
    private static func lock(_ directory: String) throws(LogDirectoryError) -> Int32 {
        let path = directory + "/" + lockName
        let lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard lock >= 0 else { throw .unusable(FileError(path, "log.directory cannot be written", errno)) }
        guard flock(lock, LOCK_EX | LOCK_NB) != 0 else { return lock }
        let code = errno
        Glibc.close(lock)
        throw code == EWOULDBLOCK ? .inUse(directory) : .unusable(FileError(path, "cannot be locked", code))
    }

    private static func systemStart() -> [UInt8] {
        let descriptor = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { Glibc.close(descriptor) }
        return content(of: descriptor)
    }

    private static func content(of descriptor: Int32) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        return Array(bytes.prefix(max(0, count)))
    }

    /// Failing is harmless as long as the machine keeps its power.
    private static func write(_ bytes: [UInt8], to descriptor: Int32) {
        guard ftruncate(descriptor, 0) == 0 else { return }
        _ = bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
        fsync(descriptor)
    }

    // MARK: Files

    package func files() throws(StorageError) -> [String: UInt64] {
        guard let stream = path.withCString({ opendir($0) }) else { throw StorageError(errno, "the directory") }
        defer { closedir(stream) }
        var found: [String: UInt64] = [:]
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            var status = stat()
            guard fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
            guard status.st_mode & S_IFMT == S_IFREG else { continue }
            found[name] = UInt64(clamping: status.st_size)
        }
        return found
    }

    package func append(_ pieces: [ByteStorage], to name: String) throws(StorageError) {
        try withCurrent(name) { (descriptor) throws(StorageError) in
            try Self.write(pieces, to: descriptor, name)
        }
    }

    package func read(_ name: String, at offset: UInt64, count: Int) throws(StorageError) -> ByteStorage {
        let descriptor = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw StorageError(errno, name) }
        defer { Glibc.close(descriptor) }
        var done = 0
        var fault: Int32 = 0
        let storage = ByteStorage(capacity: count) { bytes in
            while done < count {
                let got = pread(
                    descriptor,
                    bytes.baseAddress.map { $0 + done },
                    count - done,
                    off_t(offset) + off_t(done)
                )
                if got < 0, errno == EINTR { continue }
                guard got > 0 else {
                    fault = got < 0 ? errno : 0
                    return
                }
                done += got
            }
        }
        guard fault == 0 else { throw StorageError(fault, name) }
        guard done == count else { throw StorageError(.short, "\(name) is shorter than it was") }
        return storage
    }

    package func truncate(_ name: String, to byteCount: UInt64) throws(StorageError) {
        try withCurrent(name) { (descriptor) throws(StorageError) in
            guard ftruncate(descriptor, off_t(byteCount)) == 0 else { throw StorageError(errno, name) }
        }
    }

    package func remove(_ name: String) throws(StorageError) {
        forget(name)
        guard unlinkat(directory, name, 0) == 0 || errno == ENOENT else { throw StorageError(errno, name) }
    }

    package func sync(_ name: String) throws(StorageError) {
        try withCurrent(name) { (descriptor) throws(StorageError) in
            guard fdatasync(descriptor) == 0 else { throw StorageError(errno, name) }
        }
        guard fsync(directory) == 0 else { throw StorageError(errno, "the directory") }
    }

    package func replace(_ name: String, with pieces: [ByteStorage]) throws(StorageError) {
        let temporary = name + Self.temporarySuffix
        let descriptor = openat(directory, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw StorageError(errno, name) }
        do throws(StorageError) {
            defer { Glibc.close(descriptor) }
            try Self.write(pieces, to: descriptor, name)
        } catch {
            unlinkat(directory, temporary, 0)
            throw error
        }
        forget(name)
        guard renameat(directory, temporary, directory, name) == 0 else {
            defer { unlinkat(directory, temporary, 0) }
            throw StorageError(errno, name)
        }
    }

    // MARK: Descriptors

    private func forget(_ name: String) {
        current.withLock { current in
            guard let open = current, open.name == name else { return }
            Glibc.close(open.descriptor)
            current = nil
        }
    }

    /// Calls `body` with the file, which stays open for the next time.
    private func withCurrent(
        _ name: String,
        _ body: (Int32) throws(StorageError) -> Void
    ) throws(StorageError) {
        let result: Result<Void, StorageError> = current.withLock { current in
            if let open = current, open.name != name {
                Glibc.close(open.descriptor)
                current = nil
            }
            if current == nil {
                let descriptor = openat(directory, name, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW)
                guard descriptor >= 0 else { return .failure(StorageError(errno, name)) }
                current = Current(name: name, descriptor: descriptor)
            }
            guard let descriptor = current?.descriptor else { return .success(()) }
            return Result { () throws(StorageError) in try body(descriptor) }
        }
        try result.get()
    }

    private static func write(_ pieces: [ByteStorage], to descriptor: Int32, _ name: String) throws(StorageError) {
        var vectors = pieces.map { piece in
            iovec(iov_base: UnsafeMutableRawPointer(mutating: piece.bytes.baseAddress), iov_len: piece.capacity)
        }[...]
        defer { withExtendedLifetime(pieces) {} }
        while let first = vectors.first {
            guard first.iov_len > 0 else {
                vectors.removeFirst()
                continue
            }
            let count = vectors.withUnsafeBufferPointer {
                writev(descriptor, $0.baseAddress, Int32(min($0.count, vectorsMax)))
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw StorageError(errno, name) }
            var written = count
            while written > 0, let next = vectors.first {
                if next.iov_len <= written {
                    written -= next.iov_len
                    vectors.removeFirst()
                } else {
                    vectors[vectors.startIndex].iov_base += written
                    vectors[vectors.startIndex].iov_len -= written
                    written = 0
                }
            }
        }
    }
}

/// Why a log directory cannot be used.
package enum LogDirectoryError: Error, Sendable, CustomStringConvertible {
    case unusable(FileError)
    case inUse(String)

    package var description: String {
        switch self {
        case .unusable(let error): error.description
        case .inUse(let path): "\(path): another coordinator keeps its log there (log.directory)"
        }
    }
}

extension StorageError {
    /// - Parameter code: the system's `errno`.
    fileprivate init(_ code: Int32, _ name: String) {
        let kind: Kind =
            switch code {
            case ENOSPC, EDQUOT: .full
            case EROFS: .readOnly
            case ENOENT: .missing
            default: .failed
            }
        self.init(kind, "\(name): \(systemText(code))")
    }
}
