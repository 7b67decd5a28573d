/// A path as the system has it: bytes, which need not be UTF-8.
package struct FilePath: Sendable, Hashable {
    package let bytes: [UInt8]

    package init(_ text: String) {
        bytes = Array(text.utf8)
    }

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// For people: what is not UTF-8 is replaced.
    package var text: String { String(decoding: bytes, as: UTF8.self) }

    func appending(_ name: FilePath) -> FilePath {
        FilePath(bytes: bytes + [UInt8(ascii: "/")] + name.bytes)
    }

    func appending(_ name: String) -> FilePath {
        appending(FilePath(name))
    }

    /// Calls `body` with the path as C wants it.
    func withCString<R>(_ body: (UnsafePointer<CChar>) -> R) -> R {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: bytes.count + 1) { memory in
            for (index, byte) in bytes.enumerated() { memory.initializeElement(at: index, to: CChar(bitPattern: byte)) }
            memory.initializeElement(at: bytes.count, to: 0)
            return body(UnsafePointer(memory.baseAddress.unsafelyUnwrapped))
        }
    }
}

/// Where the files of a stored trace are.
package struct TracePlace: Sendable {
    package let directory: FilePath
    /// Names of the data streams' files, in the order of `StoredTrace.files`.
    let names: [FilePath]

    /// - Parameter file: index in `StoredTrace.files`.
    func path(of file: Int) -> FilePath { directory.appending(names[file]) }

    /// Where LTTng puts the index of a data stream's file.
    func indexPath(of file: Int) -> FilePath { Self.indexPath(of: names[file], in: directory) }

    static func indexPath(of name: FilePath, in directory: FilePath) -> FilePath {
        directory.appending("index").appending(FilePath(bytes: name.bytes + Array(".idx".utf8)))
    }
}
