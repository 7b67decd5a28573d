import Glibc

/// A directory of its own, gone with its owner.
final class ScratchDirectory: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/tidemark-log-XXXXXX\0".utf8CString)
        guard mkdtemp(&template) != nil else { throw ScratchError(code: errno) }
        path = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Names of the files, sorted.
    var files: [String] {
        guard let stream = opendir(path) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    func change(_ name: String, at offset: Int) throws {
        let descriptor = open(path + "/" + name, O_RDWR)
        guard descriptor >= 0 else { throw ScratchError(code: errno) }
        defer { close(descriptor) }
        var byte: UInt8 = 0
        guard pread(descriptor, &byte, 1, off_t(offset)) == 1 else { throw ScratchError(code: errno) }
        byte ^= 0x10
        guard pwrite(descriptor, &byte, 1, off_t(offset)) == 1 else { throw ScratchError(code: errno) }
    }

    deinit {
        for name in files { unlink(path + "/" + name) }
        rmdir(path)
    }
}

struct ScratchError: Error {
    var code: Int32
}
