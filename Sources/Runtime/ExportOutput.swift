import Glibc

/// Where an export goes: a file, or a directory of files. All is written under another name beside it, `PATH.partial`,
/// which becomes its own when it is whole. Confined to one thread at a time, which `@unchecked Sendable` stands for.
package final class ExportOutput: @unchecked Sendable {
    package enum Shape: Sendable {
        case file
        case directory
    }

    private let path: String
    /// What holds the export until it is whole.
    package let partialPath: String
    private let shape: Shape
    private let replaces: Bool
    /// The file; -1 for a directory.
    private var descriptor: Int32 = -1
    /// Directories below ours that are there.
    private var made: Set<String> = []
    /// Bytes written.
    package private(set) var byteCount: UInt64 = 0
    /// Why no more can be written; nil while all is well.
    package private(set) var fault: FileError?

    /// - Parameter replaces: whether a file of this name may be replaced; a directory never is.
    package init(_ path: String, _ shape: Shape, replaces: Bool) throws(FileError) {
        var trimmed = path
        while trimmed.utf8.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
        self.path = trimmed
        partialPath = trimmed + ".partial"
        self.shape = shape
        self.replaces = replaces
        try checkPlace()
        switch shape {
        case .file:
            let flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (replaces ? O_TRUNC : O_EXCL)
            descriptor = open(partialPath, flags, 0o644)
            guard descriptor >= 0 else { throw FileError(partialPath, "cannot be made", errno) }
        case .directory:
            guard mkdir(partialPath, 0o755) == 0 else { throw FileError(partialPath, "cannot be made", errno) }
        }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// - Throws: when something that must not be replaced has the name.
    private func checkPlace() throws(FileError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        let isDirectory = status.st_mode & S_IFMT == S_IFDIR
        if shape == .directory || isDirectory {
            throw FileError(path: path, reason: "is there already, and is not replaced; name another place")
        }
        guard replaces else {
            throw FileError(path: path, reason: "is there already; --force replaces it")
        }
    }

    /// Appends to a file of the export; what it cannot is its `fault`.
    /// - Parameter file: empty for an export of one file, else a path below the directory, without `..`.
    package func write(_ file: String, _ bytes: UnsafeRawBufferPointer) {
        guard fault == nil else { return }
        do throws(FileError) {
            guard shape == .directory else { return try append(bytes, to: descriptor, partialPath) }
            let name = "\(partialPath)/\(file)"
            try makeDirectories(of: file)
            let opened = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o644)
            guard opened >= 0 else { throw FileError(name, "cannot be written", errno) }
            defer { close(opened) }
            try append(bytes, to: opened, name)
        } catch {
            fault = error
        }
    }

    private func makeDirectories(of file: String) throws(FileError) {
        let parts = file.split(separator: "/", omittingEmptySubsequences: false)
        precondition(parts.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }, "not below the directory")
        var directory = partialPath
        for part in parts.dropLast() {
            directory += "/\(part)"
            guard !made.contains(directory) else { continue }
            guard mkdir(directory, 0o755) == 0 || errno == EEXIST else {
                throw FileError(directory, "cannot be made", errno)
            }
            made.insert(directory)
        }
    }

    private func append(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, _ name: String) throws(FileError) {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw FileError(name, "cannot be written", errno)
            }
            byteCount += UInt64(count)
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
        }
    }

    /// Takes an export back of which nothing has been written.
    /// - Returns: false where something was, which stays.
    package func discardIfEmpty() -> Bool {
        guard byteCount == 0 else { return false }
        return (shape == .file ? unlink(partialPath) : rmdir(partialPath)) == 0
    }

    /// The export is whole: gives it its name.
    package func commit() throws(FileError) {
        if let fault { throw fault }
        if descriptor >= 0, fsync(descriptor) != 0 { throw FileError(partialPath, "cannot be written", errno) }
        if shape == .file, !replaces {
            // A link takes no name that another has; a file system without links leaves a moment after the look.
            if link(partialPath, path) == 0 {
                unlink(partialPath)
                return
            }
            guard errno == EPERM || errno == EOPNOTSUPP else { throw FileError(path, "cannot take its name", errno) }
        }
        try checkPlace()
        // Of directories only an empty one gives way.
        guard rename(partialPath, path) == 0 else { throw FileError(path, "cannot take its name", errno) }
    }
}
