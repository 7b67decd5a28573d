import Testing

@testable import Feed

@Suite struct LaneConditionTests {
    @Test(arguments: [
        ("$host == \"web-1\"", true), ("$relay == \"a*\" && !($session == \"S\")", true), ("1", true),
        ("$name == \"x\"", false), ("$host == \"web-1\" && vpid == 3", false), ("$cpu == 0", false),
        ("$level < 4", false), ("$ctx.vpid == 1", false),
    ])
    func `a filter that names lanes only is told from others`(text: String, isSo: Bool) throws {
        #expect(try FilterExpression(text).namesLanesOnly == isSo)
    }

    @Test(arguments: [
        ("$host == \"web-1\"", true), ("$host == \"web-*\"", true), ("$host != \"web-1\"", false),
        ("$relay == \"alpha\" && $session == \"T\"", false), ("$relay == \"alpha\" || $session == \"T\"", true),
        ("!($session == \"T\")", true), ("0", false), ("1", true),
    ])
    func `its sessions are those whose events it wants`(text: String, isWanted: Bool) throws {
        let filter = try FilterExpression(text)
        #expect(filter.wants(relay: "alpha", host: "web-1", session: "S") == isWanted)
    }
}
