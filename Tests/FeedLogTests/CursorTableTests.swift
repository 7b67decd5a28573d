import Testing

@testable import Feed
@testable import FeedLog

@Suite struct CursorTableTests {
    private static let feed = FeedIdentity(id: FeedID(high: 1, low: 2))

    private func token(_ sequence: UInt64, _ feed: FeedIdentity = feed) -> ResumeToken {
        ResumeToken(feed: feed, sequence: sequence, watermarkNs: Int64(sequence))
    }

    private func key(_ identity: String, _ name: String) -> CursorTable.Key {
        CursorTable.Key(identity: identity, name: name)
    }

    @Test func `a cursor goes forward, and back only into another life`() {
        var table = CursorTable()
        table.move(key("a", "c"), to: token(5))
        table.move(key("a", "c"), to: token(4))
        table.move(key("b", "c"), to: token(1))
        #expect(table.token(of: key("a", "c")) == token(5) && table.token(of: key("b", "c")) == token(1))
        let later = FeedIdentity(id: Self.feed.id, epoch: 2)
        table.move(key("a", "c"), to: token(3, later))
        #expect(table.token(of: key("a", "c")) == token(3, later))
    }

    @Test func `where there is no room the one that was used least lately goes`() {
        var limits = CursorTable.Limits()
        limits.cursors = 4
        limits.cursorsPerIdentity = 3
        var table = CursorTable(limits: limits)
        for name in ["1", "2", "3"] { #expect(table.move(key("a", name), to: token(1)) == nil) }
        table.move(key("a", "1"), to: token(2))
        #expect(table.move(key("a", "4"), to: token(1)) == key("a", "2"))
        #expect(table.move(key("b", "1"), to: token(1)) == nil)
        #expect(table.move(key("b", "2"), to: token(1)) == key("a", "3"))
        #expect(table.count == 4)
    }

    @Test func `the file gives back what it was given, and any other byte is noticed`() throws {
        var table = CursorTable()
        for index in 0..<20 { table.move(key("identity \(index % 3)", "näme \(index)"), to: token(UInt64(index))) }
        table.move(key("", ""), to: token(9))
        let bytes = table.bytes
        let read = try #require(CursorTable(bytes: bytes, feed: Self.feed.id))
        #expect(read.bytes == bytes && read.count == 21)
        for index in bytes.indices {
            var damaged = bytes
            damaged[index] ^= 1 << UInt8(index % 8)
            #expect(CursorTable(bytes: damaged, feed: Self.feed.id) == nil)
            #expect(CursorTable(bytes: Array(bytes[..<index]), feed: Self.feed.id) == nil)
        }
        #expect(CursorTable(bytes: bytes, feed: FeedID(high: 7, low: 7))?.count == 0)
    }
}
