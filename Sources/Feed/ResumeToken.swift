/// Where a subscriber has come to, as it may keep it: opaque text to all but the coordinator.
///
/// Given only where all events before W are out and none at or after it is, so that whoever goes on after `sequence`
/// misses nothing and gets nothing twice. The text is base64url without padding of, big-endian: format (1 byte), feed
/// id (16), epoch (8), sequence (8), W (8), and a CRC-32C of all of these (4), by which a damaged token is told from
/// a foreign one.
package struct ResumeToken: Sendable, Hashable {
    package var feed: FeedIdentity
    /// The last frame that the subscriber has.
    package var sequence: UInt64
    /// W after that frame, nanoseconds since the Unix epoch.
    package var watermarkNs: Int64

    package init(feed: FeedIdentity, sequence: UInt64, watermarkNs: Int64) {
        self.feed = feed
        self.sequence = sequence
        self.watermarkNs = watermarkNs
    }

    /// Bytes of the text form.
    static let textBytes = 60
    private static let byteCount = 45
    private static let format: UInt8 = 1

    /// Reads the text form.
    /// - Returns: nil when `text` is no token, or a damaged one.
    package init?(text: some StringProtocol) {
        let utf8 = text.utf8
        guard utf8.count == ResumeToken.textBytes else { return nil }
        guard let bytes = Base64URL.decode(utf8), bytes.count == ResumeToken.byteCount else { return nil }
        guard bytes[0] == ResumeToken.format else { return nil }
        func number(_ offset: Int, _ count: Int) -> UInt64 {
            bytes[offset..<offset + count].reduce(0) { $0 << 8 | UInt64($1) }
        }
        guard number(41, 4) == UInt64(CRC32C.checksum(Array(bytes[..<41]))) else { return nil }
        feed = FeedIdentity(id: FeedID(high: number(1, 8), low: number(9, 8)), epoch: number(17, 8))
        sequence = number(25, 8)
        watermarkNs = Int64(bitPattern: number(33, 8))
    }

    /// The text form: 60 characters of `A-Z a-z 0-9 - _`.
    package var text: String {
        var bytes: [UInt8] = [ResumeToken.format]
        bytes.reserveCapacity(ResumeToken.byteCount)
        func append(_ value: UInt64, _ count: Int) {
            for index in (0..<count).reversed() {
                bytes.append(UInt8(truncatingIfNeeded: value >> (8 * UInt64(index))))
            }
        }
        append(feed.id.high, 8)
        append(feed.id.low, 8)
        append(feed.epoch, 8)
        append(sequence, 8)
        append(UInt64(bitPattern: watermarkNs), 8)
        append(UInt64(CRC32C.checksum(bytes)), 4)
        return String(decoding: Base64URL.encode(bytes), as: UTF8.self)
    }
}

/// RFC 4648, section 5, without padding.
enum Base64URL {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    static func encode(_ bytes: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count * 4 + 2) / 3)
        var pending: UInt32 = 0
        var pendingBits: UInt32 = 0
        for byte in bytes {
            pending = (pending << 8 | UInt32(byte)) & 0xFFFF
            pendingBits += 8
            while pendingBits >= 6 {
                pendingBits -= 6
                text.append(alphabet[Int(pending >> pendingBits & 63)])
            }
        }
        if pendingBits > 0 { text.append(alphabet[Int(pending << (6 - pendingBits) & 63)]) }
        return text
    }

    /// - Returns: nil when a character is not of the alphabet, or bits beyond the last byte are set.
    static func decode(_ text: some Sequence<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        var pending: UInt32 = 0
        var pendingBits: UInt32 = 0
        for character in text {
            guard let value = alphabet.firstIndex(of: character) else { return nil }
            pending = (pending << 6 | UInt32(value)) & 0xFFFF
            pendingBits += 6
            if pendingBits >= 8 {
                pendingBits -= 8
                bytes.append(UInt8(truncatingIfNeeded: pending >> pendingBits))
            }
        }
        guard pendingBits < 6, pending & ((1 << pendingBits) - 1) == 0 else { return nil }
        return bytes
    }
}
