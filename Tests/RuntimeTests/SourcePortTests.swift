import Testing

@testable import Runtime

@Suite struct SourcePortTests {
    private let relay = RelayAddress(host: "10.0.0.5", port: 5344)

    @Test func `a connection's ports are the same in every run`() {
        // Of a run before: were they others, a new version would not find the old one's connections.
        #expect(SourcePorts.candidates(relay, identity: 1) == Array(64644..<64652))
    }

    @Test func `connections to a relay begin at different ports, and all stay in their range`() {
        let first = (0..<100).compactMap { SourcePorts.candidates(relay, identity: UInt64($0)).first }
        #expect(Set(first).count > 90)
        for identity in 0..<5000 {
            let ports = SourcePorts.candidates(relay, identity: UInt64(identity))
            #expect(ports.count == 8 && ports.allSatisfy(SourcePorts.range.contains))
        }
    }

    @Test func `a connection is never made from the port that it goes to`() {
        for port in SourcePorts.candidates(relay, identity: 1) {
            let there = RelayAddress(host: "10.0.0.5", port: port)
            for identity in 0..<2000 {
                #expect(!SourcePorts.candidates(there, identity: UInt64(identity)).contains(port))
            }
        }
    }
}
