/// A trace in files, as the shell found it: its metadata, and which data streams there are.
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

/// A data stream's file.
package struct StoredFile: Sendable {
    /// Its name in the trace's directory.
    package var name: String
    package var byteCount: UInt64

    package init(name: String, byteCount: UInt64) {
        self.name = name
        self.byteCount = byteCount
    }
}

/// A part of a stored stream's file.
package struct StoredRange: Sendable, Equatable {
    /// Index in `CoordinatorConfiguration.stored`.
    package var trace: Int
    /// Index in `StoredTrace.files`.
    package var file: Int
    /// Bytes from the file's start.
    package var offset: UInt64
    /// Bytes, at least 1, within the file.
    package var count: Int
}

/// Where the reading of a stored stream is. Confined to the coordinator.
struct StoredCursor {
    let trace: Int
    let file: Int
    let byteCount: UInt64
    /// Start of the next packet, bytes from the file's start.
    var offset: UInt64 = 0
    /// Bytes asked for next: what the last packet took, so that one read gets a whole packet.
    var guessBytes = 4096

    var rest: UInt64 { byteCount - offset }
}
