/// The number of a feed: 16 random bytes, drawn when its log begins.
package struct FeedID: Hashable, Sendable, BitwiseCopyable {
    /// The first eight bytes, as a big-endian number.
    package let high: UInt64
    /// The last eight bytes, as a big-endian number.
    package let low: UInt64

    static let byteCount = 16

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

extension FeedID {
    /// - Precondition: `bytes` are `byteCount`.
    init(bytes: UnsafeRawBufferPointer) {
        self.init(
            high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
            low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        )
    }

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        [high.bigEndian, low.bigEndian].withUnsafeBytes(body)
    }
}

extension FeedID: CustomStringConvertible {
    /// 32 hexadecimal digits.
    package var description: String {
        [high, low].map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}

/// Which feed, and which life of it.
package struct FeedIdentity: Hashable, Sendable, BitwiseCopyable {
    package var id: FeedID
    /// Grows whenever frames that a subscriber may have seen were cut from the log's end.
    package var epoch: UInt64

    package init(id: FeedID, epoch: UInt64 = 1) {
        self.id = id
        self.epoch = epoch
    }
}
