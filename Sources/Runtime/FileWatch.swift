import Glibc

/// Tells whether files have changed: written to, replaced, removed, or put behind another link.
struct FileWatch {
    /// What the system says of a file without opening it; nil where it says nothing.
    private struct Stamp: Equatable {
        let device: UInt64
        let inode: UInt64
        let bytes: Int64
        let modifiedSeconds: Int64
        let modifiedNs: Int64

        init?(_ path: String) {
            var found = stat()
            guard stat(path, &found) == 0 else { return nil }
            device = UInt64(found.st_dev)
            inode = UInt64(found.st_ino)
            bytes = Int64(found.st_size)
            modifiedSeconds = Int64(found.st_mtim.tv_sec)
            modifiedNs = Int64(found.st_mtim.tv_nsec)
        }
    }

    private var stamps: [String: Stamp?] = [:]

    /// Looks at the files, which are the watched ones from now on.
    init(_ files: [String]) {
        for file in files { stamps[file] = Stamp(file) }
    }

    /// - Returns: the files that are not as they were when this was asked last, sorted. One that was read before the
    ///   call and has changed since is told of at the next call.
    mutating func changes() -> [String] {
        var changed: [String] = []
        for (file, before) in stamps {
            let now = Stamp(file)
            guard now != before else { continue }
            stamps[file] = now
            changed.append(file)
        }
        return changed.sorted()
    }
}
