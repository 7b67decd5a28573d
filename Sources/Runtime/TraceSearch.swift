import CTF
import Coordinator
import Glibc

/// Looks for traces in and below a directory. What cannot be looked at is told, and the search goes on.
struct TraceSearch {
    private typealias Limits = TraceDirectory.Limits

    var found = TraceDirectory.Found()
    /// The directories from the one that was named to the one that is looked at, by device and file number: a link
    /// that leads back into one of them leads nowhere new.
    private var ancestors: [Kind.Identity] = []

    private enum Kind {
        case file(byteCount: UInt64)
        case directory(Identity)
        case other

        struct Identity: Equatable {
            var device: UInt64
            var file: UInt64
        }
    }

    private var isOver: Bool { found.faults.count >= Limits.faults }

    /// Looks at the directory that was named.
    mutating func look(at path: FilePath) {
        guard case .directory(let identity)? = kind(of: path) else {
            if !isOver, found.faults.isEmpty { note(path, systemText(ENOTDIR)) }
            return
        }
        look(at: path, identity, below: "")
    }

    private mutating func look(at path: FilePath, _ identity: Kind.Identity, below relativePath: String) {
        guard !isOver, !ancestors.contains(identity) else { return }
        guard ancestors.count <= Limits.depth else { return note(path, "directories nest too deeply") }
        guard let names = entries(of: path) else { return }
        ancestors.append(identity)
        defer { ancestors.removeLast() }
        if names.contains(Self.metadata) { takeTrace(path, names, relativePath) }
        for name in names where !name.isHidden && !isOver {
            guard case .directory(let identity)? = kind(of: path.appending(name)) else { continue }
            let below = relativePath.isEmpty ? name.text : "\(relativePath)/\(name.text)"
            look(at: path.appending(name), identity, below: below)
        }
    }

    private static let metadata = FilePath("metadata")

    private mutating func takeTrace(_ path: FilePath, _ names: [FilePath], _ relativePath: String) {
        let metadataPath = path.appending(Self.metadata)
        guard case .file(let byteCount)? = kind(of: metadataPath, isTold: false) else { return }
        guard found.traces.count < Limits.traces else { return note(path, "too many traces") }
        guard byteCount <= UInt64(Limits.metadataBytes) else {
            return note(metadataPath, "larger than \(Limits.metadataBytes) bytes")
        }
        var files: [StoredFile] = []
        var place: [FilePath] = []
        for name in names where name != Self.metadata && !name.isHidden {
            guard case .file(let byteCount)? = kind(of: path.appending(name), isTold: false) else { continue }
            guard files.count < Limits.filesPerTrace else { return note(path, "too many files") }
            let index = TracePlace.indexPath(of: name, in: path)
            var indexByteCount: UInt64 = 0
            if case .file(let byteCount)? = kind(of: index, isTold: false) { indexByteCount = byteCount }
            files.append(StoredFile(name: name.text, byteCount: byteCount, indexByteCount: indexByteCount))
            place.append(name)
        }
        do throws(FileError) {
            let metadata = try TraceDirectory.read(metadataPath, offset: 0, count: Int(byteCount))
            found.traces.append(
                StoredTrace(
                    path: path.text,
                    relativePath: relativePath,
                    metadata: Array(metadata.bytes),
                    files: files
                )
            )
            found.places.append(TracePlace(directory: path, names: place))
        } catch {
            found.faults.append(error)
        }
    }

    private mutating func note(_ path: FilePath, _ reason: String) {
        found.faults.append(FileError(path: path.text, reason: reason))
        if isOver { found.faults.append(FileError(path: path.text, reason: "too many faults; the search ends here")) }
    }

    // MARK: The file system

    /// What is at a path; nil, after it was told, where the system does not say. What is not there, as behind a link
    /// that leads nowhere, is nothing.
    /// - Parameter isTold: false for what has been asked for before.
    private mutating func kind(of path: FilePath, isTold: Bool = true) -> Kind? {
        var status = stat()
        guard path.withCString({ stat($0, &status) }) == 0 else {
            let code = errno
            if isTold, code != ENOENT || ancestors.isEmpty { note(path, systemText(code)) }
            return nil
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return .file(byteCount: UInt64(clamping: status.st_size))
        case S_IFDIR:
            return .directory(Kind.Identity(device: UInt64(status.st_dev), file: UInt64(status.st_ino)))
        default: return .other
        }
    }

    /// Names in a directory, sorted; nil, after it was told, where they cannot be read.
    private mutating func entries(of path: FilePath) -> [FilePath]? {
        guard let directory = path.withCString({ opendir($0) }) else {
            note(path, systemText(errno))
            return nil
        }
        defer { closedir(directory) }
        var names: [FilePath] = []
        while true {
            errno = 0
            guard let entry = readdir(directory) else { break }
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { FilePath(bytes: Array($0.prefix { $0 != 0 })) }
            if name != FilePath("."), name != FilePath("..") { names.append(name) }
        }
        if errno != 0 { note(path, systemText(errno)) }
        return names.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
    }
}

extension FilePath {
    fileprivate var isHidden: Bool { bytes.first == UInt8(ascii: ".") }
}
