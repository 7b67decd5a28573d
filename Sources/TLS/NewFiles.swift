#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Files that appear in a directory together: each is written whole under a name of its own, then linked to its final
/// name, which the system refuses where that exists. A failure takes back what was linked already.
struct NewFiles {
    private struct File {
        let path: String
        let bytes: [UInt8]
        let isSecret: Bool
    }

    let directory: String
    private var files: [File] = []

    init(directory: String) { self.directory = directory }

    /// - Parameter isSecret: mode 0600 instead of 0644.
    mutating func add(_ name: String, _ bytes: [UInt8], isSecret: Bool) {
        files.append(File(path: directory + "/" + name, bytes: bytes, isSecret: isSecret))
    }

    /// - Returns: the paths, in the order of adding.
    func write() throws(TLSError) -> [String] {
        for file in files where Self.exists(file.path) { throw TLSError(.file(path: file.path, .exists)) }
        var drafts: [String] = []
        var linked: [String] = []
        defer { for draft in drafts { unlink(draft) } }
        do throws(TLSError) {
            for file in files { drafts.append(try Self.writeDraft(of: file)) }
            for (file, draft) in zip(files, drafts) {
                guard link(draft, file.path) == 0 else {
                    throw TLSError(
                        .file(path: file.path, errno == EEXIST ? .exists : .unwritable(SystemFault.text(errno)))
                    )
                }
                linked.append(file.path)
            }
        } catch {
            for path in linked { unlink(path) }
            throw error
        }
        return linked
    }

    /// Makes the directory and those above it, open to the owner only where they are new.
    static func makeDirectory(_ path: String) throws(TLSError) {
        var partial = path.hasPrefix("/") ? "/" : ""
        for component in path.split(separator: "/") {
            partial += (partial.isEmpty || partial.hasSuffix("/") ? "" : "/") + component
            if mkdir(partial, 0o700) == 0 || errno == EEXIST { continue }
            throw TLSError(.file(path: partial, .unwritable(SystemFault.text(errno))))
        }
    }

    private static func exists(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }

    /// Writes the bytes to the disk under a hidden name beside the final one. - Returns: that name.
    private static func writeDraft(of file: File) throws(TLSError) -> String {
        let split = file.path.utf8.lastIndex(of: UInt8(ascii: "/")).map { file.path.index(after: $0) }
        let start = split ?? file.path.startIndex
        let draft = file.path[..<start] + ".\(file.path[start...]).\(getpid()).new"
        let descriptor = open(
            String(draft),
            O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
            file.isSecret ? 0o600 : 0o644
        )
        guard descriptor >= 0 else { throw TLSError(.file(path: file.path, .unwritable(SystemFault.text(errno)))) }
        defer { close(descriptor) }
        var written = 0
        while written < file.bytes.count {
            let count = file.bytes.withUnsafeBytes {
                Self.put(descriptor, UnsafeRawBufferPointer(rebasing: $0[written...]))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { try discard(String(draft), file) }
            written += count
        }
        guard fsync(descriptor) == 0 else { try discard(String(draft), file) }
        return String(draft)
    }

    /// `write` of the C library.
    private static func put(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        #if canImport(Glibc)
            Glibc.write(descriptor, bytes.baseAddress, bytes.count)
        #elseif canImport(Musl)
            Musl.write(descriptor, bytes.baseAddress, bytes.count)
        #endif
    }

    private static func discard(_ draft: String, _ file: File) throws(TLSError) -> Never {
        let reason = SystemFault.text(errno)
        unlink(draft)
        throw TLSError(.file(path: file.path, .unwritable(reason)))
    }
}
