package import Feed

/// How far subscribers have come that asked the coordinator to keep it: a token for each identity and name.
///
/// A value, bounded: where there is no room, the one that was used least lately goes. Cursors pin nothing.
package struct CursorTable: Sendable, Equatable {
    package struct Limits: Sendable, Equatable {
        package var cursors = 1024
        package var cursorsPerIdentity = 64
        package var identityBytes = 1024

        package init() {}
    }

    package struct Key: Sendable, Hashable {
        package var identity: String
        package var name: String

        package init(identity: String, name: String) {
            self.identity = identity
            self.name = name
        }
    }

    private struct Cursor: Sendable, Equatable {
        var token: ResumeToken
        /// Grows with each use.
        var usedAt: UInt64
    }

    private let limits: Limits
    private var cursors: [Key: Cursor] = [:]
    private var useCount: UInt64 = 0

    package init(limits: Limits = Limits()) {
        self.limits = limits
    }

    package var count: Int { cursors.count }

    package func token(of key: Key) -> ResumeToken? { cursors[key]?.token }

    /// Puts a cursor to where `token` is; not back in the same life of the feed.
    /// - Returns: the cursor that had to go for it.
    /// - Complexity: O(1) for a cursor that is there, else O(cursors).
    @discardableResult
    package mutating func move(_ key: Key, to token: ResumeToken) -> Key? {
        guard key.identity.utf8.count <= limits.identityBytes else { return nil }
        useCount += 1
        if let old = cursors[key] {
            let goesBack = old.token.feed == token.feed && token.sequence < old.token.sequence
            cursors[key] = Cursor(token: goesBack ? old.token : token, usedAt: useCount)
            return nil
        }
        let own = cursors.filter { $0.key.identity == key.identity }
        let crowd = own.count >= limits.cursorsPerIdentity ? own : cursors.count >= limits.cursors ? cursors : [:]
        let oldest = crowd.min { $0.value.usedAt < $1.value.usedAt }?.key
        if let oldest { cursors[oldest] = nil }
        cursors[key] = Cursor(token: token, usedAt: useCount)
        return oldest
    }
}

// MARK: - The file

extension CursorTable {
    /// The name of the file in the log's directory.
    package static let fileName = "cursors"
    private static let magic = Array("tidemark cursors 1".utf8)

    /// What is kept in the file: a checksum, then for each cursor, the least lately used first, its identity and name,
    /// each behind its length (2 bytes, little-endian), and its token's text.
    package var bytes: [UInt8] {
        var content = Self.magic
        for (key, cursor) in cursors.sorted(by: { $0.value.usedAt < $1.value.usedAt }) {
            for text in [key.identity, key.name, cursor.token.text] {
                let count = UInt16(clamping: text.utf8.count)
                content += [UInt8(truncatingIfNeeded: count), UInt8(truncatingIfNeeded: count >> 8)]
                content += text.utf8.prefix(Int(count))
            }
        }
        let checksum = CRC32C.checksum(content)
        return (0..<4).map { UInt8(truncatingIfNeeded: checksum >> (8 * $0)) } + content
    }

    /// - Parameter feed: cursors of another one are left out.
    /// - Returns: nil when the bytes are not what was written.
    package init?(bytes: [UInt8], feed: FeedID, limits: Limits = Limits()) {
        self.init(limits: limits)
        guard bytes.count >= 4 + Self.magic.count, bytes[4...].starts(with: Self.magic) else { return nil }
        let checksum = bytes[..<4].reversed().reduce(0) { $0 << 8 | UInt32($1) }
        guard CRC32C.checksum(Array(bytes[4...])) == checksum else { return nil }
        var rest = bytes[(4 + Self.magic.count)...]
        func text() -> String? {
            guard let low = rest.popFirst(), let high = rest.popFirst() else { return nil }
            let count = Int(low) | Int(high) << 8
            guard rest.count >= count else { return nil }
            defer { rest = rest.dropFirst(count) }
            return String(decoding: rest.prefix(count), as: UTF8.self)
        }
        while !rest.isEmpty {
            guard let identity = text(), let name = text(), let token = text().flatMap({ ResumeToken(text: $0) }) else {
                return nil
            }
            if token.feed.id == feed { move(Key(identity: identity, name: name), to: token) }
        }
    }
}
