import Feed
import HandmadeTraces
import Testing

@testable import Rendering

/// The table of `tidemark top`, from the feed's records to lines of text.
struct TopTableTests {
    private func loss(_ relay: String, _ session: String, _ unit: LossRecord.Unit, _ count: UInt64?) -> FeedRecord {
        .lost(
            LossRecord(
                relay: relay,
                host: "h",
                session: session,
                sessionID: 1,
                streamID: nil,
                unit: unit,
                count: count,
                fromNs: nil,
                toNs: nil,
                reason: ""
            )
        )
    }

    private func session(_ relay: String, _ name: String, _ state: SessionState = .active) -> FeedRecord {
        .session(SessionStateChange(relay: relay, host: "h", session: name, sessionID: 1, state: state, reason: ""))
    }

    private func relay(_ name: String, _ state: RelayState) -> FeedRecord {
        .relay(RelayStateChange(relay: name, state: state, reason: "", frontierNs: nil))
    }

    /// Three relays, of which `b` has two sessions.
    private func table() -> TopTable {
        var table = TopTable()
        table.take(
            FeedBatch(
                records: [
                    relay("a", .active), relay("b", .lagging), relay("c", .excluded), session("b", "one"),
                    session("b", "two", .lost), loss("b", "two", .events, 5), loss("b", "two", .packets, 2),
                    loss("b", "one", .events, nil), loss("c", "x", .events, 9),
                ],
                watermarkNs: 1_000_000_000
            )
        )
        table.tick(nowNs: 0)
        return table
    }

    @Test
    func `relays are rows with their states and losses, and the sessions of one are where one looks closer`() {
        let table = table()
        var view = TopTable.View()
        view.sort = .name
        let rows = table.rows(view)
        #expect(rows.map(\.name) == ["a", "b", "c"])
        #expect(rows.map(\.state) == ["active", "lagging", "excluded"])
        #expect(rows.map(\.lostEvents) == [0, 5, 9] && rows[1].lostPackets == 2 && rows[1].unknownLosses == 1)
        view.relay = "b"
        #expect(table.rows(view).map(\.name) == ["h/one", "h/two"])
        #expect(table.rows(view).map(\.state) == ["active", "lost"])
        view.relay = "nobody"
        #expect(table.rows(view).isEmpty)
    }

    @Test
    func `rows are sorted by each column, numbers from the greatest, ties by name`() {
        let table = table()
        func names(_ column: TopTable.Column, reversed: Bool = false) -> [String] {
            var view = TopTable.View()
            (view.sort, view.isReversed) = (column, reversed)
            return table.rows(view).map(\.name)
        }
        #expect(names(.lost) == ["c", "b", "a"])
        #expect(names(.lost, reversed: true) == ["a", "b", "c"])
        #expect(names(.state) == ["a", "c", "b"])
        #expect(names(.name, reversed: true) == ["c", "b", "a"])
        for column in [TopTable.Column.rate, .events, .late, .quiet] { #expect(names(column) == ["a", "b", "c"]) }
    }

    @Test
    func `a filter keeps rows with its letters, whatever their case`() {
        var view = TopTable.View()
        view.filter = "B"
        #expect(table().rows(view).map(\.name) == ["b"])
        view.relay = "b"
        view.filter = "TW"
        #expect(table().rows(view).map(\.name) == ["h/two"])
    }

    @Test
    func `lines are as wide as they may be, aligned, and cannot command a terminal`() {
        var table = table()
        table.take(FeedBatch(records: [relay("evil\u{1B}[2J" + String(repeating: "x", count: 300), .active)]))
        table.tick(nowNs: 1)
        var view = TopTable.View()
        view.sort = .lost
        for width in [20, 60, 80, 200] {
            let lines = table.lines(view, table.rows(view), nowNs: 3_500_000_000, width: width)
            #expect(lines.count == 6)
            #expect(lines.allSatisfy { $0.count <= width }, "\(lines)")
            #expect(lines.allSatisfy { line in !line.utf8.contains { $0 < 0x20 } })
        }
        let lines = table.lines(view, table.rows(view), nowNs: 3_500_000_000, width: 80)
        #expect(lines[0] == "relays: 0.0 events/s, W is 2.5s behind")
        #expect(lines[1].contains("LOSTv") && lines[1].hasPrefix("NAME "))
        #expect(lines[3].hasPrefix("b ") && lines[3].contains("5+2p+1?"))
        #expect(Set(lines.dropFirst().map(\.count)) == [80])
    }

    @Test
    func `frames that were missed are said`() {
        var table = table()
        table.take(FeedBatch(records: [.gap(GapRecord(fromSequence: 3, toSequence: 7, reason: ""))]))
        table.tick(nowNs: 1)
        let view = TopTable.View()
        #expect(table.lines(view, [], nowNs: 0, width: 200)[0].contains("5 frames missed"))
    }

    @Test
    func `keys sort, turn, mark, look closer, go back, filter and quit`() {
        var keys = TopKeys(TopTable.View())
        let names = ["a", "b", "c"]
        func press(_ text: String) -> TopKeys.Result { keys.pressed(Array(text.utf8), names: names) }
        #expect(press("sr") == .goOn && keys.view.sort == .events && keys.view.isReversed)
        #expect(press("jj") == .goOn && keys.marked == 2)
        #expect(press("j") == .goOn && keys.marked == 2)
        // A sequence may come in parts; others than arrows do nothing, and none of their letters is a key.
        for part in ["\u{1B}", "[", "A", "\u{1B}[B\u{1B}[A", "\u{1B}Oq", "\u{1B}q"] { #expect(press(part) == .goOn) }
        #expect(keys.marked == 1 && keys.view.relay == nil)
        #expect(press("\r") == .goOn && keys.view.relay == "b" && keys.marked == 0)
        #expect(press("/q\u{1B}[Ax\u{7F}s\r") == .goOn && keys.view.filter == "qs" && !keys.isTyping)
        #expect(press("b") == .goOn && keys.view.filter.isEmpty && keys.view.relay == "b")
        #expect(press("b") == .goOn && keys.view.relay == nil)
        #expect(press("sq") == .quit)
        #expect(keys.pressed(Array("\r".utf8), names: []) == .goOn && keys.view.relay == nil)
    }
}
