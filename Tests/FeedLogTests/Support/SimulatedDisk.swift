import CTF
import FeedLog
import Synchronization

/// A log's files in memory, with the faults of a disk.
final class SimulatedDisk: LogStorage {
    struct State: Sendable {
        var files: [String: [UInt8]] = [:]
        /// What outlives a loss of power.
        var safe: [String: [UInt8]] = [:]
        /// Calls that change something so far.
        var changes = 0
        /// Of these, which fail.
        var failing: Range<Int> = 0..<0
        /// Bytes of a failing append that are written all the same.
        var tornBytes = 0
    }

    let state = Mutex(State())

    init(files: [String: [UInt8]] = [:]) {
        state.withLock { $0.files = files }
    }

    var contents: [String: [UInt8]] { state.withLock { $0.files } }

    private func change(_ body: (inout State) throws(StorageError) -> Void) throws(StorageError) {
        let result: Result<Void, StorageError> = state.withLock { state in
            state.changes += 1
            guard !state.failing.contains(state.changes) else {
                return .failure(StorageError(.full, "no space is left"))
            }
            return Result { () throws(StorageError) in try body(&state) }
        }
        try result.get()
    }

    func files() throws(StorageError) -> [String: UInt64] {
        state.withLock { $0.files.mapValues { UInt64($0.count) } }
    }

    func append(_ pieces: [ByteStorage], to name: String) throws(StorageError) {
        let bytes = pieces.flatMap { Array($0.bytes) }
        do throws(StorageError) {
            try change { (state) throws(StorageError) in
                guard state.files[name] != nil else { throw StorageError(.missing, name) }
                state.files[name]? += bytes
            }
        } catch {
            state.withLock { $0.files[name]? += bytes.prefix($0.tornBytes) }
            throw error
        }
    }

    func read(_ name: String, at offset: UInt64, count: Int) throws(StorageError) -> ByteStorage {
        guard let file = contents[name] else { throw StorageError(.missing, name) }
        guard Int(offset) + count <= file.count else { throw StorageError(.short, name) }
        let storage = ByteStorage(capacity: count)
        file.withUnsafeBytes {
            storage.write(UnsafeRawBufferPointer(rebasing: $0[Int(offset)..<Int(offset) + count]), at: 0)
        }
        return storage
    }

    func truncate(_ name: String, to byteCount: UInt64) throws(StorageError) {
        try change { (state) throws(StorageError) in
            guard let count = state.files[name]?.count else { throw StorageError(.missing, name) }
            state.files[name]?.removeLast(max(0, count - Int(byteCount)))
        }
    }

    func remove(_ name: String) throws(StorageError) {
        try change { (state) throws(StorageError) in
            state.files[name] = nil
            state.safe[name] = nil
        }
    }

    func sync(_ name: String) throws(StorageError) {
        try change { (state) throws(StorageError) in state.safe[name] = state.files[name] }
    }

    func close(isWhole: Bool) {}

    func replace(_ name: String, with pieces: [ByteStorage]) throws(StorageError) {
        let bytes = pieces.flatMap { Array($0.bytes) }
        try change { (state) throws(StorageError) in state.files[name] = bytes }
    }
}
