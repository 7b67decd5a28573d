import Simulator
import Testing

/// Worlds by their seeds: few, since a debug build takes a quarter of a second for each. `Tests/Simulator/run` runs
/// more.
@Suite struct SeedTests {
    @Test(arguments: 0..<UInt64(4))
    func `no world breaks a promise`(part: UInt64) {
        for seed in part * 25 + 1...part * 25 + 25 {
            let verdict = Simulation.run(seed: seed)
            #expect(verdict.findings.isEmpty, "\(verdict.findings); again: \(verdict.replayCommand)")
        }
    }

    /// Worlds that are rarer than one in a thousand, by what is said in them.
    @Test(arguments: [
        (7921 as UInt64, "the stream ended before a packet of it could be read"),
        (8759, "connection of session host-0/shop lost: no reply within 5 s"),
        (1645, "session /: the session ended before it could be attached"),
        // A relay that was started anew before the end of what it had was said, and then the coordinator.
        (8951, "not read to its end: the relay was started anew"),
    ])
    func `a rare world breaks no promise either`(seed: UInt64, happens: String) {
        var isSeen = false
        let verdict = Simulation.run(seed: seed, log: { isSeen = isSeen || $0.contains(happens) })
        #expect(isSeen, "the seed makes another world by now: look for one in which this happens")
        #expect(verdict.findings.isEmpty, "\(verdict.findings); again: \(verdict.replayCommand)")
    }

    @Test func `a world goes the same way twice`() {
        for seed in 1...UInt64(20) {
            let verdict = Simulation.run(seed: seed, repeats: true)
            #expect(verdict.findings.isEmpty, "\(verdict.findings); again: \(verdict.replayCommand)")
        }
    }

    @Test func `worlds have events, nearly all of which come`() {
        let verdicts = (1...UInt64(20)).map { Simulation.run(seed: $0) }
        let made = verdicts.reduce(0) { $0 + $1.eventCount }
        #expect(made > 1000)
        #expect(verdicts.reduce(0) { $0 + $1.deliveredCount } > made * 3 / 4)
    }
}

/// A fault that is put in on purpose is found by its checker, and by no other.
@Suite struct CanaryTests {
    @Test(arguments: Sabotage.allCases)
    func `each checker finds its fault within a few worlds`(sabotage: Sabotage) {
        var foundIn: UInt64?
        for seed in 1...UInt64(40) where foundIn == nil {
            let verdict = Simulation.run(seed: seed, repeats: sabotage.checker == .determinism, sabotage: sabotage)
            guard let first = verdict.findings.first else { continue }
            #expect(verdict.findings.allSatisfy { $0.checker == sabotage.checker }, "\(verdict.findings)")
            #expect("\(first)".hasPrefix(sabotage.checker.rawValue))
            #expect(verdict.replayCommand == "Tests/Simulator/run --seed \(seed) --trace")
            foundIn = seed
        }
        #expect(foundIn != nil, "\(sabotage) was not found")
    }

    @Test func `every checker has a fault that it is tried with`() {
        #expect(Set(Sabotage.allCases.map(\.checker)) == Set(CheckerName.allCases))
    }
}
