import PacketWriter
import Testing

@testable import Feed

@Suite struct TokenTests {
    @Test func `a token comes back from its text`() {
        var random = SeededRandom(seed: 4)
        for _ in 0..<200 {
            let token = ResumeToken(
                feed: FeedIdentity(id: FeedID(high: random.next(), low: random.next()), epoch: random.next()),
                sequence: random.next(),
                watermarkNs: Int64(bitPattern: random.next())
            )
            #expect(token.text.utf8.count == 60)
            #expect(ResumeToken(text: token.text) == token)
        }
    }

    @Test func `no damaged token is taken for one`() {
        let feed = FeedIdentity(id: FeedID(high: 1, low: 2), epoch: 1)
        let text = Array(ResumeToken(feed: feed, sequence: 77, watermarkNs: -1).text.utf8)
        for index in text.indices {
            for character in Array("AZaz09-_ =".utf8) where character != text[index] {
                var damaged = text
                damaged[index] = character
                #expect(ResumeToken(text: String(decoding: damaged, as: UTF8.self)) == nil)
            }
            #expect(ResumeToken(text: String(decoding: text[..<index], as: UTF8.self)) == nil)
        }
        #expect(ResumeToken(text: String(decoding: text + text, as: UTF8.self)) == nil)
    }

    @Test func `checksums are those of CRC-32C`() {
        #expect(CRC32C.checksum(Array("123456789".utf8)) == 0xE306_9283)
        var random = SeededRandom(seed: 9)
        // Long ones are taken three stretches of 4 KiB at a time.
        for count in Array(0..<200) + [12_287, 12_288, 12_289, 24_579, 40_000] {
            let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let whole = CRC32C.checksum(bytes)
            #expect(whole == CRC32C.portableChecksum(bytes))
            bytes.withUnsafeBytes { bytes in
                let head = CRC32C.checksum(UnsafeRawBufferPointer(rebasing: bytes.prefix(count / 3)))
                let tail = UnsafeRawBufferPointer(rebasing: bytes.dropFirst(count / 3))
                #expect(CRC32C.checksum(tail, after: head) == whole)
            }
        }
    }

    @Test func `base64url is that of RFC 4648`() {
        let pairs = [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE")]
        for (plain, encoded) in pairs {
            #expect(Base64URL.encode(Array(plain.utf8)) == Array(encoded.utf8))
            #expect(Base64URL.decode(encoded.utf8) == Array(plain.utf8))
        }
        #expect(Base64URL.encode([0xFB, 0xFF]) == Array("-_8".utf8))
        #expect(Base64URL.decode("Zh".utf8) == nil)
        #expect(Base64URL.decode("Z".utf8) == nil)
    }
}
