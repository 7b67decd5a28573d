package import CTF

/// Where a log's files are: a directory, or what stands for one in tests. The only thing that the log knows of a disk.
///
/// May be called from any thread: one writes, others read meanwhile. Names hold neither `/` nor NUL.
package protocol LogStorage: AnyObject, Sendable {
    /// The files, and the bytes of each.
    func files() throws(StorageError) -> [String: UInt64]
    /// Appends all of `pieces` to a file that is there; what an error leaves of them is the caller's to truncate.
    func append(_ pieces: [ByteStorage], to name: String) throws(StorageError)
    /// Reads exactly `count` bytes.
    /// - Throws: `missing` when there is no such file; `short` when it ends before.
    func read(_ name: String, at offset: UInt64, count: Int) throws(StorageError) -> ByteStorage
    func truncate(_ name: String, to byteCount: UInt64) throws(StorageError)
    /// Whoever is reading the file may go on.
    func remove(_ name: String) throws(StorageError)
    /// Returns when the file's bytes and its name outlive a loss of power.
    func sync(_ name: String) throws(StorageError)
    /// Makes a file, or puts it in the place of another, at once: if the process dies, it is the old one or the new.
    func replace(_ name: String, with pieces: [ByteStorage]) throws(StorageError)
    /// Lets go of the storage, so that another may have it: nothing is called any more.
    /// - Parameter isWhole: all that was to be stored has been, and will not be missing when it is opened again.
    func close(isWhole: Bool)
}

/// What a storage cannot do.
package struct StorageError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Kind: Sendable, Equatable {
        case full
        case readOnly
        /// There is no such file.
        case missing
        /// The file is shorter than what was to be read.
        case short
        /// Anything else.
        case failed
    }

    package var kind: Kind
    /// For people.
    package var description: String

    /// For subscribers, who need not know the files.
    package var reason: String {
        switch kind {
        case .full: "no space is left"
        case .readOnly: "the file system is read-only"
        case .missing, .short, .failed: "the disk fails"
        }
    }

    package init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}

/// Stored bytes that are not what was written.
package struct LogDamage: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Kind: Sendable, Equatable {
        case damaged
        /// The file is not there any more: dropped as too old meanwhile, for all that is known.
        case missing
        /// The storage does not give it.
        case unreadable
        /// It is what was written, but makes no sense.
        case senseless
    }

    package var file: String
    /// Where it was found, bytes from the file's start.
    package var offset: UInt64
    package var reason: String
    package var kind = Kind.damaged

    /// Whether frames are gone only because they are old.
    var isMissing: Bool { kind == .missing }

    package var description: String { "\(file) at byte \(offset): \(reason)" }
}
