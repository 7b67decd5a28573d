import Testing

@testable import Feed

@Suite struct AllowRuleTests {
    @Test
    func `a backslash takes a pattern's character as it is`() {
        #expect(Glob.matches("a\\*b", "a*b"))
        #expect(!Glob.matches("a\\*b", "axb"))
        #expect(!Glob.matches("\\?", "x"))
        #expect(Glob.matches("end\\", "end\\"))
        #expect(Glob.matches("*\\?*", "why?now"))
    }

    @Test(arguments: [
        ("*", "", true), ("*", "any/thing", true), ("", "", true), ("", "a", false), ("a?c", "abc", true),
        ("a?c", "ac", false), ("a*c", "ac", true), ("a*c", "abcbc", true), ("a*c", "abcb", false),
        ("*b*b*", "abab", true), ("*b*b*b*", "abab", false), ("tidemark:client/*", "tidemark:client/x/y", true),
        ("tidemark:client/*", "tidemark:server/x", false), ("ä?", "äß", true),
    ])
    func `patterns match whole texts`(pattern: String, text: String, isMatch: Bool) {
        #expect(Glob.matches(pattern, text) == isMatch)
    }

    @Test func `a pattern full of stars is matched quickly`() {
        let pattern = String(repeating: "a*", count: 200) + "b"
        #expect(!Glob.matches(pattern, String(repeating: "a", count: 4000)))
    }

    @Test func `nobody is allowed by default`() {
        let peer = PeerIdentity(alternativeNames: ["tidemark:client/me"], commonName: "me")
        #expect(ViewScope(peer: peer, rules: []) == nil)
        #expect(ViewScope(peer: peer, rules: [AllowRule(identity: "tidemark:client/you")]) == nil)
        #expect(
            ViewScope(peer: PeerIdentity(alternativeNames: [], commonName: nil), rules: [AllowRule(identity: "*")])
                == nil
        )
    }

    @Test func `the common name counts only without alternative names`() {
        let rules = [AllowRule(identity: "me")]
        #expect(ViewScope(peer: PeerIdentity(alternativeNames: [], commonName: "me"), rules: rules) != nil)
        #expect(ViewScope(peer: PeerIdentity(alternativeNames: ["other"], commonName: "me"), rules: rules) == nil)
    }

    @Test func `a rule's patterns hold together, not across rules`() throws {
        let rules = [
            AllowRule(identity: "*", relays: ["a"], hosts: ["web-*"], sessions: ["s"]),
            AllowRule(identity: "*", relays: ["b"], hosts: ["db"], sessions: ["*"]),
        ]
        let scope = try #require(ViewScope(peer: PeerIdentity(alternativeNames: ["x"], commonName: nil), rules: rules))
        #expect(!scope.isFull)
        #expect(scope.allows(relay: "a", host: "web-1", session: "s"))
        #expect(!scope.allows(relay: "a", host: "db", session: "s"))
        #expect(!scope.allows(relay: "b", host: "web-1", session: "s"))
        #expect(scope.allows(relay: "b", host: "db", session: "any"))
        #expect(scope.allows(relay: "b") && !scope.allows(relay: "c") && !scope.allowsAll(relay: "b"))
    }

    @Test func `only stars make a view full`() throws {
        let peer = PeerIdentity(alternativeNames: ["x"], commonName: nil)
        let full = try #require(ViewScope(peer: peer, rules: [AllowRule(identity: "x")]))
        #expect(full.isFull)
        let partial = try #require(ViewScope(peer: peer, rules: [AllowRule(identity: "x", hosts: ["?*"])]))
        #expect(!partial.isFull)
    }
}
