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
        /// Faults that are told; the search ends with the last one.
        static let faults = 1000
    }

    /// What is in and below a directory.
    package struct Found {
        package var traces: [StoredTrace] = []
        /// Where the files of each are, in the order of `traces`.
        package var places: [TracePlace] = []
        /// What cannot be looked at: it costs itself only.
        package var faults: [FileError] = []

        package init() {}
    }

    /// Finds the traces in and below `path`: every directory with a file `metadata`, in the order of their names.
    /// Where there is none, that is a fault.
    package static func find(_ path: String) -> Found {
        var search = TraceSearch()
        search.look(at: FilePath(path))
        if search.found.traces.isEmpty, search.found.faults.isEmpty {
            search.found.faults.append(FileError(path: path, reason: "holds no CTF trace (no metadata file)"))
        }
        return search.found
    }

    /// Reads exactly `count` bytes.
    /// - Throws: `FileError`, also where the file is shorter than it was.
    static func read(_ path: FilePath, offset: UInt64, count: Int) throws(FileError) -> ByteStorage {
        let descriptor = try open(path)
        defer { close(descriptor) }
        return try read(descriptor, path, offset: offset, count: count)
    }

    /// Opens a file to read.
    fileprivate static func open(_ path: FilePath) throws(FileError) -> Int32 {
        let descriptor = path.withCString { Glibc.open($0, O_RDONLY | O_CLOEXEC) }
        guard descriptor >= 0 else { throw FileError(path: path.text, reason: systemText(errno)) }
        return descriptor
    }

    /// Reads exactly `count` bytes of an open file.
    static func read(_ descriptor: Int32, _ path: FilePath, offset: UInt64, count: Int) throws(FileError) -> ByteStorage
    {
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
                        let reason = got == 0 ? "shorter than it was" : systemText(errno)
                        fault = FileError(path: path.text, reason: reason)
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
    private let places: [TracePlace]
    private var descriptors: [FilePath: Int32] = [:]
    /// Files kept open; past it the table is emptied.
    private static let openMax = 512

    init(_ places: [TracePlace]) {
        self.places = places
    }

    deinit {
        closeAll()
    }

    func read(_ range: StoredRange) throws(FileError) -> ByteStorage {
        let place = places[range.trace]
        let path =
            switch range.part {
            case .packets: place.path(of: range.file)
            case .index: place.indexPath(of: range.file)
            }
        return try TraceDirectory.read(try descriptor(path), path, offset: range.offset, count: range.count)
    }

    private func descriptor(_ path: FilePath) throws(FileError) -> Int32 {
        if let descriptor = descriptors[path] { return descriptor }
        if descriptors.count >= Self.openMax { closeAll() }
        let descriptor = try TraceDirectory.open(path)
        descriptors[path] = descriptor
        return descriptor
    }

    private func closeAll() {
        for descriptor in descriptors.values { close(descriptor) }
        descriptors.removeAll()
    }
}
