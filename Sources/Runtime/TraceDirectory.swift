import CTF
package import Coordinator
import Glibc

/// Traces in directories: finds them, and reads their files.
package enum TraceDirectory {
    /// Bounds of what is looked at.
    enum Limits {
        /// Directories below the one that was named.
        static let depth = 32
        static let traces = 65_536
        static let filesPerTrace = 65_536
        static let metadataBytes = 64 << 20
    }

    /// The directory of each stored trace, in the order of `StoredTrace`s.
    package typealias Found = (traces: [StoredTrace], directories: [String])

    /// Finds the traces in and below `path`: every directory with a file `metadata`, in the order of their names.
    /// - Throws: `FileError` when the path cannot be read or holds no trace.
    package static func find(_ path: String) throws(FileError) -> Found {
        var found: Found = ([], [])
        try find(path, below: "", depth: 0, &found)
        guard !found.traces.isEmpty else {
            throw FileError(path: path, reason: "holds no CTF trace (no metadata file)")
        }
        return found
    }

    private static func find(
        _ path: String,
        below relativePath: String,
        depth: Int,
        _ found: inout Found
    ) throws(FileError) {
        guard depth <= Limits.depth else { throw FileError(path: path, reason: "directories nest too deeply") }
        let names = try entries(of: path)
        if names.contains("metadata"), case .file(let byteCount)? = kind(of: "\(path)/metadata") {
            guard found.traces.count < Limits.traces else { throw FileError(path: path, reason: "too many traces") }
            var trace = try trace(path, names: names, metadataBytes: byteCount)
            trace.relativePath = relativePath
            found.traces.append(trace)
            found.directories.append(path)
        }
        for name in names where !name.hasPrefix(".") {
            guard case .directory? = kind(of: "\(path)/\(name)") else { continue }
            let below = relativePath.isEmpty ? name : "\(relativePath)/\(name)"
            try find("\(path)/\(name)", below: below, depth: depth + 1, &found)
        }
    }

    private static func trace(_ path: String, names: [String], metadataBytes: UInt64) throws(FileError) -> StoredTrace {
        let metadataPath = "\(path)/metadata"
        guard metadataBytes <= UInt64(Limits.metadataBytes) else {
            throw FileError(path: metadataPath, reason: "larger than \(Limits.metadataBytes) bytes")
        }
        var files: [StoredFile] = []
        for name in names where name != "metadata" && !name.hasPrefix(".") {
            guard case .file(let byteCount)? = kind(of: "\(path)/\(name)") else { continue }
            guard files.count < Limits.filesPerTrace else { throw FileError(path: path, reason: "too many files") }
            files.append(StoredFile(name: name, byteCount: byteCount, indexByteCount: indexBytes(of: name, in: path)))
        }
        let metadata = try read(metadataPath, offset: 0, count: Int(metadataBytes))
        return StoredTrace(path: path, metadata: Array(metadata.bytes), files: files)
    }

    /// Where LTTng puts the index of a data stream's file.
    static func indexPath(of name: String, in directory: String) -> String {
        "\(directory)/index/\(name).idx"
    }

    /// Bytes of a file's index; 0 where it has none.
    private static func indexBytes(of name: String, in directory: String) -> UInt64 {
        if case .file(let byteCount)? = kind(of: indexPath(of: name, in: directory)) { byteCount } else { 0 }
    }

    private enum Kind {
        case file(UInt64)
        case directory
    }

    private static func kind(of path: String) -> Kind? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return .file(UInt64(clamping: status.st_size))
        case S_IFDIR: return .directory
        default: return nil
        }
    }

    /// Names in a directory, sorted.
    private static func entries(of path: String) throws(FileError) -> [String] {
        guard let directory = opendir(path) else {
            throw FileError(path: path, reason: String(cString: strerror(errno)))
        }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Reads exactly `count` bytes.
    /// - Throws: `FileError`, also where the file is shorter than it was.
    static func read(_ path: String, offset: UInt64, count: Int) throws(FileError) -> ByteStorage {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(path: path, reason: String(cString: strerror(errno))) }
        defer { close(descriptor) }
        return try read(descriptor, path, offset: offset, count: count)
    }

    /// Reads exactly `count` bytes of an open file.
    static func read(_ descriptor: Int32, _ path: String, offset: UInt64, count: Int) throws(FileError) -> ByteStorage {
        var fault: FileError?
        let storage = ByteStorage(
            capacity: count,
            filledBy: { bytes in
                var done = 0
                while done < count {
                    let got = pread(
                        descriptor,
                        bytes.baseAddress?.advanced(by: done),
                        count - done,
                        off_t(clamping: offset + UInt64(done))
                    )
                    if got < 0, errno == EINTR { continue }
                    guard got > 0 else {
                        let reason = got == 0 ? "shorter than it was" : String(cString: strerror(errno))
                        fault = FileError(path: path, reason: reason)
                        return
                    }
                    done += got
                }
            }
        )
        if let fault { throw fault }
        return storage
    }
}

/// The open files of stored traces. Confined to one thread.
final class StoredFileReader {
    private let paths: [[String]]
    private let indexPaths: [[String]]
    private var descriptors: [String: Int32] = [:]
    /// Files kept open; past it the table is emptied.
    private static let openMax = 512

    init(_ traces: [StoredTrace], directories: [String]) {
        paths = zip(traces, directories).map { trace, directory in trace.files.map { "\(directory)/\($0.name)" } }
        indexPaths = zip(traces, directories).map { trace, directory in
            trace.files.map { TraceDirectory.indexPath(of: $0.name, in: directory) }
        }
    }

    deinit {
        closeAll()
    }

    func read(_ range: StoredRange) throws(FileError) -> ByteStorage {
        let path =
            switch range.part {
            case .packets: paths[range.trace][range.file]
            case .index: indexPaths[range.trace][range.file]
            }
        return try TraceDirectory.read(try descriptor(path), path, offset: range.offset, count: range.count)
    }

    private func descriptor(_ path: String) throws(FileError) -> Int32 {
        if let descriptor = descriptors[path] { return descriptor }
        if descriptors.count >= Self.openMax { closeAll() }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(path: path, reason: String(cString: strerror(errno))) }
        descriptors[path] = descriptor
        return descriptor
    }

    private func closeAll() {
        for descriptor in descriptors.values { close(descriptor) }
        descriptors.removeAll()
    }
}
