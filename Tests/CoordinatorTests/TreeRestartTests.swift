import CTF
import Coordinator
import Feed
import LTTngLive
import SimulatedRelay
import Testing

/// Any coordinator of a tree may be killed and started again: nothing comes twice, and nothing is missing.
@Suite struct TreeRestartTests {
    private static func tree(_ scripts: [RelayScript], rootDeaths: [Int] = []) -> TreeTrial {
        TreeTrial(
            TreeTests.groups(scripts),
            stallAfterNs: .ms(5000),
            rootDeaths: rootDeaths,
            limits: TreeTests.smallBatches
        )
    }

    @Test func `a root that is killed after any batch goes on with the next event`() {
        let scripts = Array(TreeTests.scripts(discarding: true, endMs: 1900).prefix(4))
        let whole = Self.tree(scripts)
        whole.run(untilNs: .ms(6000))
        #expect(whole.root.events == TreeTests.flat(scripts).events)
        #expect(whole.root.saidLosses.count > 2)
        for death in 1...whole.root.batches.count {
            let killed = Self.tree(scripts, rootDeaths: [death])
            killed.run(untilNs: .ms(8000))
            #expect(killed.root.events == whole.root.events, "killed after batch \(death)")
            #expect(killed.root.saidLosses.sorted() == whole.root.saidLosses.sorted(), "killed after batch \(death)")
            #expect(killed.root.metadata == whole.root.metadata, "killed after batch \(death)")
            #expect(killed.root.endedTraces == whole.root.endedTraces, "killed after batch \(death)")
        }
    }

    @Test(arguments: 1...8) func `a root that is killed again and again loses nothing`(step: Int) {
        let scripts = TreeTests.scripts(discarding: true, endMs: 1900)
        let flat = TreeTests.flat(scripts)
        let killed = Self.tree(scripts, rootDeaths: Array(stride(from: step, to: 600, by: step)))
        killed.run(untilNs: .ms(30_000))
        #expect(killed.root.events == flat.events)
        #expect(killed.root.saidLosses.sorted() == flat.saidLosses.sorted())
    }

    @Test(arguments: Array(stride(from: 30, to: 1500, by: 190)))
    func `a coordinator below that is killed at any time goes on`(atMs: Int) {
        let scripts = TreeTests.scripts(discarding: true, endMs: 2400)
        let flat = TreeTests.flat(scripts)
        let tree = Self.tree(scripts)
        tree.run(untilNs: .ms(UInt64(atMs)))
        tree.leaves[1].restart()
        tree.run(untilNs: .ms(9000))
        #expect(tree.root.events == flat.events)
        #expect(tree.root.saidLosses.sorted() == flat.saidLosses.sorted())
    }

    @Test(arguments: Array(stride(from: 50, to: 900, by: 140)))
    func `both may be killed, one after the other`(atMs: Int) {
        let scripts = TreeTests.scripts()
        let flat = TreeTests.flat(scripts)
        let tree = Self.tree(scripts)
        tree.run(untilNs: .ms(UInt64(atMs)))
        tree.leaves[0].restart()
        tree.run(untilNs: .ms(UInt64(atMs) + 13))
        tree.root.restart()
        tree.run(untilNs: .ms(UInt64(atMs) + 40))
        tree.leaves[2].restart()
        tree.run(untilNs: .ms(9000))
        #expect(tree.root.events == flat.events)
    }

    @Test(arguments: [1, 2, 7, 20])
    func `what a coordinator below has lost of its log comes once, from its relays`(frames: Int) {
        let scripts = TreeTests.scripts(endMs: 1900)
        let flat = TreeTests.flat(scripts)
        for isRootKilled in [false, true] {
            let tree = Self.tree(scripts)
            tree.run(untilNs: .ms(450))
            tree.leaves[1].node.lose(frames: frames)
            tree.leaves[1].restart()
            if isRootKilled { tree.root.restart() }
            tree.run(untilNs: .ms(9000))
            let events = tree.root.events
            #expect(events.map(\.key).sorted() == flat.events.map(\.key).sorted())
            #expect(
                events.filter { $0.lateNs == 0 }
                    == flat.events.filter { event in
                        !events.contains { $0.lateNs > 0 && $0.key == event.key }
                    }
            )
        }
    }

    @Test func `a coordinator that has begun a new feed is taken from its beginning`() {
        let scripts = TreeTests.scripts(endMs: 60_000)
        let tree = Self.tree(scripts)
        tree.run(untilNs: .ms(450))
        let before = tree.root.events.count
        #expect(before > 100)
        tree.leaves[1].node.beginAnew(feed: FeedID(high: 77, low: 7))
        tree.leaves[1].losePower()
        tree.run(untilNs: .ms(4000))
        #expect(tree.root.saidLosses.contains { $0.contains("has begun a new feed") })
        // The old sessions are lost, and there are new ones.
        let states = tree.root.sessionChanges.filter { $0.relay.hasPrefix("feed-1/") }.map(\.state)
        #expect(states == [.active, .active, .active, .lost, .lost, .lost, .active, .active, .active])
        // Nothing else is missing, and what comes again is behind the watermark.
        let others = tree.root.events.filter { !["host-3", "host-4", "host-5"].contains($0.host) }
        let flat = CoordinatorTrial(scripts, lifetime: .service)
        flat.run(untilNs: .ms(4000))
        #expect(others == flat.events.filter { !["host-3", "host-4", "host-5"].contains($0.host) })
        #expect(others.allSatisfy { $0.lateNs == 0 })
        let again = tree.root.events.filter { $0.lateNs > 0 }
        #expect(!again.isEmpty)
        // What the tree keeps is what the new feed has.
        #expect(tree.root.tableSizes.traces == 9 && tree.root.tableSizes.streams == 18)
    }

    @Test func `a coordinator that is gone is waited for, and left out after its time`() {
        let scripts = (0..<2).map { relay in
            RelayScript(sessions: [
                RelayScript.session(
                    host: "host-\(relay)",
                    uuidByte: UInt8(relay + 1),
                    streams: [packets((1...150).map { (.ms($0 * 100), [.ms($0 * 100 - 50 + UInt64(relay))]) })]
                )
            ])
        }
        let tree = TreeTrial(scripts.map { [$0] }, stallAfterNs: .ms(1000))
        tree.run(untilNs: .ms(1000))
        let count = tree.root.events.count
        tree.leaves[1].node.isDown = true
        // Twice the time of a relay.
        tree.run(untilNs: .ms(2800))
        #expect(tree.root.events.count <= count + 4)
        tree.run(untilNs: .ms(4500))
        #expect(tree.root.events.count > count + 20)
        tree.leaves[1].node.isDown = false
        tree.run(untilNs: .ms(9000))
        let events = tree.root.events
        let hosts = Dictionary(grouping: events, by: \.host)
        #expect(abs((hosts["host-0"]?.count ?? 0) - (hosts["host-1"]?.count ?? 0)) <= 2)
        #expect(Set(events.map(\.timestampNs)).count == events.count)
        #expect(events.contains { $0.lateNs > 0 })
        #expect(events.suffix(10).allSatisfy { $0.lateNs == 0 })
    }

    // MARK: Loops

    private static func pair() -> (CoordinatorTrial, CoordinatorTrial) {
        let nodes = (0..<2).map { TrialNode(feed: FeedID(high: 30, low: UInt64($0))) }
        let scripts = (0..<2).map { relay in
            RelayScript(sessions: [
                RelayScript.session(
                    host: "host-\(relay)",
                    uuidByte: UInt8(relay + 1),
                    streams: [packets((1...30).map { (.ms($0 * 100), [.ms($0 * 100 - 50 + UInt64(relay))]) })]
                )
            ])
        }
        let trials = (0..<2).map { number in
            CoordinatorTrial(
                [scripts[number]],
                lifetime: .service,
                startsAtOnce: false,
                node: nodes[number],
                feeds: [nodes[1 - number]]
            )
        }
        return (trials[0], trials[1])
    }

    @Test func `two coordinators that take each other's feeds find it out`() {
        let (first, second) = Self.pair()
        first.start()
        second.start()
        TreeTrial.run([first, second], untilNs: .ms(3500))
        for trial in [first, second] {
            #expect(Set(trial.events.map(\.timestampNs)).count == trial.events.count, "an event has come back")
        }
        let reasons = [first, second].flatMap { trial in
            trial.records.compactMap { record -> String? in
                guard case .relay(let change) = record, change.state == .ended else { return nil }
                return change.reason
            }
        }
        #expect(reasons.contains { $0.hasPrefix("a loop: ") })
    }

    @Test func `a coordinator does not take its own feed`() {
        let node = TrialNode(feed: FeedID(high: 31, low: 1))
        let script = RelayScript(sessions: [
            RelayScript.session(streams: [packets((1...20).map { (.ms($0 * 100), [.ms($0 * 100 - 50)]) })])
        ])
        let trial = CoordinatorTrial([script], lifetime: .service, node: node, feeds: [node])
        trial.run(untilNs: .ms(2500))
        #expect(trial.events.count == 20)
        let ends = trial.records.compactMap { record -> String? in
            guard case .relay(let change) = record, change.state == .ended else { return nil }
            return "\(change.relay): \(change.reason)"
        }
        #expect(ends == ["feed-0: a loop: feed-0 is this feed itself"])
    }
}

extension TrialEvent {
    /// What tells one event from another.
    var key: String { "\(host) \(stream) \(timestampNs) \(name) \(value)" }
}
