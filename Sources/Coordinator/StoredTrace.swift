/// A trace in files, as the shell found it: its metadata, and which data streams' files there are.
package struct StoredTrace: Sendable {
    /// As it was named; the trace's name in the feed where it has no UUID.
    package var path: String
    /// Where it is below the directory that was named; empty for that directory itself.
    package var relativePath: String
    /// The whole metadata file.
    package var metadata: [UInt8]
    package var files: [StoredFile]

    package init(path: String, relativePath: String = "", metadata: [UInt8], files: [StoredFile]) {
        self.path = path
        self.relativePath = relativePath
        self.metadata = metadata
        self.files = files
    }
}

/// A file of packets of a data stream, which may have more than one.
package struct StoredFile: Sendable {
    /// Its name in the trace's directory.
    package var name: String
    package var byteCount: UInt64
    /// Of LTTng's index of the file (`index/NAME.idx`); 0 where there is none.
    package var indexByteCount: UInt64

    package init(name: String, byteCount: UInt64, indexByteCount: UInt64 = 0) {
        self.name = name
        self.byteCount = byteCount
        self.indexByteCount = indexByteCount
    }
}

/// A part of a stored stream's file, or of its index.
package struct StoredRange: Sendable, Equatable {
    package enum Part: Sendable, Equatable {
        case packets
        case index
    }

    /// Index in `CoordinatorConfiguration.stored`.
    package var trace: Int
    /// Index in `StoredTrace.files`.
    package var file: Int
    package var part: Part
    /// Bytes from the file's start.
    package var offset: UInt64
    /// Bytes, at least 1, within the file.
    package var count: Int

    package init(trace: Int, file: Int, part: Part, offset: UInt64, count: Int) {
        self.trace = trace
        self.file = file
        self.part = part
        self.offset = offset
        self.count = count
    }
}
