import EventMerge

/// The stored traces of a run and where their reading is. Confined to the coordinator.
struct StoredSources {
    /// What the shell was asked to read: one thing at a time.
    enum Reading {
        /// The beginning of the last of `unopened`.
        case head
        /// A part of the index of the stream's current file.
        case index(RelayStream)
        /// The packet of the stream's current file, or its beginning.
        case packet(RelayStream)
    }

    /// A file of which it is not known yet which stream it belongs to.
    struct File {
        var trace: RelayTrace
        var reader: StoredFileCursor
        /// Its place among all files.
        var number: Int
        /// The stream class and instance; nil where the file is a stream of its own.
        var key: Key?

        struct Key: Hashable {
            var trace: UInt64
            var streamClassID: UInt64
            var streamInstanceID: UInt64
        }
    }

    /// The link of all stored traces.
    var link: RelayLink?
    var traces: [RelayTrace] = []
    /// Files that have still to be looked at, the next one last.
    var unopened: [File] = []
    /// Files that have been looked at; streams once all have been.
    var opened: [File] = []
    /// Streams that are not read to their ends.
    var streams: [FrontierStream: RelayStream] = [:]
    /// Those of them whose events have no time, the next one last: they are read first, one after the other.
    var timeless: [RelayStream] = []
    var reading: Reading?
}
