import CTF
import FeedLog
import Synchronization

/// A storage that takes nothing more while it is told so.
final class FullDisk: LogStorage {
    private let inner = Mutex<(any LogStorage)?>(nil)
    private let isFull = Mutex(false)

    /// - Returns: itself.
    func put(before storage: any LogStorage) -> any LogStorage {
        inner.withLock { $0 = storage }
        return self
    }

    private func storage() throws(StorageError) -> any LogStorage {
        guard let storage = inner.withLock({ $0 }) else { throw StorageError(.failed, "no storage") }
        return storage
    }

    func setFull(_ isFull: Bool) { self.isFull.withLock { $0 = isFull } }

    private func check() throws(StorageError) {
        if isFull.withLock({ $0 }) { throw StorageError(.full, "segment: No space left on device") }
    }

    func files() throws(StorageError) -> [String: UInt64] { try storage().files() }

    func append(_ pieces: [ByteStorage], to name: String) throws(StorageError) {
        try check()
        try storage().append(pieces, to: name)
    }

    func read(_ name: String, at offset: UInt64, count: Int) throws(StorageError) -> ByteStorage {
        try storage().read(name, at: offset, count: count)
    }

    func truncate(_ name: String, to byteCount: UInt64) throws(StorageError) {
        try storage().truncate(name, to: byteCount)
    }

    func remove(_ name: String) throws(StorageError) { try storage().remove(name) }
    func sync(_ name: String) throws(StorageError) { try storage().sync(name) }

    func replace(_ name: String, with pieces: [ByteStorage]) throws(StorageError) {
        try check()
        try storage().replace(name, with: pieces)
    }

    func close(isWhole: Bool) { inner.withLock { $0 }?.close(isWhole: isWhole) }
}
