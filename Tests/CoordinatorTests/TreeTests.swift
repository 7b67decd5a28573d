import CTF
import Coordinator
import Feed
import LTTngLive
import SimulatedRelay
import Testing

/// A coordinator above others puts out what one coordinator would, but for the names before those of relays.
@Suite struct TreeTests {
    /// Nine relays with two streams each, of which the last few events of a packet are a rule of their number; equal
    /// timestamps are frequent.
    static func scripts(seed: UInt64 = 1, discarding: Bool = false, endMs: UInt64 = 3000) -> [RelayScript] {
        (0..<9).map { relay in
            let streams = (0..<2).map { stream in
                steps(relay: UInt64(relay), stream: UInt64(stream), seed: seed, discarding: discarding)
            }
            return RelayScript(sessions: [
                RelayScript.session(
                    host: "host-\(relay)",
                    // Some traces share an identity, as clones do: then the relays' names decide.
                    uuidByte: UInt8(relay / 2 + 1),
                    endsAtNs: .ms(endMs - UInt64(relay) * 111),
                    streams: streams
                )
            ])
        }
    }

    private static func steps(
        relay: UInt64,
        stream: UInt64,
        seed: UInt64,
        discarding: Bool
    ) -> [(atNs: UInt64, step: ScriptedStream.Step)] {
        var offset: UInt64 = 0
        return (UInt64(1)...6).map { index in
            let begin = UInt64.ms((index - 1) * 100)
            let events = (UInt64(1)...5).map { begin + .ms(($0 * (13 + seed) + relay * seed % 3) % 97 / 5 * 5 + 1) }
                .sorted()
            let packet = TinyTrace.packet(
                from: begin,
                to: begin + .ms(100),
                events: (index + relay + stream) % 5 == 0 ? [] : events,
                number: discarding && index > 4 && relay % 3 == 0 ? index + 2 : index,
                discarded: discarding ? index / 3 : 0,
                offset: offset
            )
            offset += UInt64(packet.bytes.count)
            return (begin + .ms(100), .packet(packet.index, packet.bytes))
        }
    }

    static func groups(_ scripts: [RelayScript]) -> [[RelayScript]] {
        stride(from: 0, to: scripts.count, by: 3).map { Array(scripts[$0..<min($0 + 3, scripts.count)]) }
    }

    static func flat(_ scripts: [RelayScript], limits: CoordinatorLimits = CoordinatorLimits()) -> CoordinatorTrial {
        let trial = CoordinatorTrial(scripts, lifetime: .service, limits: limits)
        trial.run(untilNs: .ms(9000))
        return trial
    }

    static var smallBatches: CoordinatorLimits {
        var limits = CoordinatorLimits()
        limits.batchEventsMax = 3
        return limits
    }

    @Test(arguments: 1...6) func `a tree's feed is that of one coordinator`(seed: UInt64) {
        let scripts = Self.scripts(seed: seed)
        let flat = Self.flat(scripts)
        #expect(flat.events.count > 300)
        #expect(flat.events.allSatisfy { $0.lateNs == 0 })
        for limits in [CoordinatorLimits(), Self.smallBatches] {
            let tree = TreeTrial(Self.groups(scripts), limits: limits)
            tree.run(untilNs: .ms(9000))
            #expect(tree.root.events == flat.events)
            #expect(tree.root.losses.isEmpty)
        }
    }

    @Test func `events of one time are in the order of their relays' names, whatever their coordinators are called`() {
        let scripts = Self.scripts()
        let tree = TreeTrial(Self.groups(scripts), isReversed: true)
        tree.run(untilNs: .ms(9000))
        #expect(tree.root.events == Self.flat(scripts).events)
    }

    @Test func `what the rules of a coordinator below hide is not there above`() {
        let scripts = Self.scripts()
        let tree = TreeTrial(
            Self.groups(scripts),
            feedRules: [AllowRule(identity: "root", relays: ["relay-1", "relay-5"])]
        )
        tree.run(untilNs: .ms(9000))
        let expected = Self.flat(scripts).events.filter { $0.host == "host-1" || $0.host == "host-5" }
        #expect(expected.count > 40)
        #expect(tree.root.events == expected)
        #expect(Set(tree.root.sessionChanges.map(\.host)) == ["host-1", "host-5"])
    }

    @Test func `while nobody takes what leaves, nothing more is read`() {
        let scripts = Self.scripts()
        let tree = TreeTrial(Self.groups(scripts))
        tree.run(untilNs: .ms(250))
        tree.root.setOutputIsHeld(true)
        tree.run(untilNs: .ms(280))
        let count = tree.root.events.count
        let pending = tree.root.tableSizes.pendingEvents
        tree.run(untilNs: .ms(4000))
        #expect(tree.root.events.count == count)
        #expect(tree.root.tableSizes.pendingEvents == pending)
        tree.root.setOutputIsHeld(false)
        tree.run(untilNs: .ms(9000))
        #expect(tree.root.events == Self.flat(scripts).events)
    }

    @Test func `a feed that is ahead is not read beyond its budget`() {
        let fast = Self.scripts()
        let slow = RelayScript(sessions: [
            RelayScript.session(
                host: "slow",
                uuidByte: 9,
                endsAtNs: .ms(4000),
                streams: [packets([(.ms(100), [.ms(60)]), (.ms(2500), [.ms(2400)])])]
            )
        ])
        var limits = CoordinatorLimits()
        limits.pendingBytesMax = 2048
        let tree = TreeTrial([fast, [slow]], rootLimits: limits)
        tree.run(untilNs: .ms(2000))
        let bytes = tree.root.tableSizes.pendingBytesOfRelayMax
        // What one frame brings may be beyond it.
        #expect(bytes > limits.pendingBytesMax && bytes < 16 * limits.pendingBytesMax)
        #expect(tree.root.tableSizes.pendingEvents < Self.flat(fast).events.count / 2)
        tree.run(untilNs: .ms(9000))
        #expect(tree.root.events == Self.flat(fast + [slow]).events)
    }

    @Test func `the names of relays stand behind those of their coordinators`() {
        let tree = TreeTrial(Self.groups(Self.scripts()))
        tree.run(untilNs: .ms(9000))
        var relays: Set<String> = []
        for case .trace(let trace) in tree.root.records { relays.insert(trace.relay) }
        #expect(relays == Set((0..<9).map { "feed-\($0 / 3)/relay-\($0)" }))
        let ended = tree.root.sessionChanges.filter { $0.state == .ended }.map(\.relay)
        #expect(Set(ended) == relays && ended.count == 9)
        #expect(tree.root.endedTraces.count == 9)
        #expect(tree.root.tableSizes.streams == 0 && tree.root.tableSizes.traces == 0)
    }

    @Test func `what is lost is said above as below`() {
        let scripts = Self.scripts(discarding: true)
        let flat = Self.flat(scripts)
        #expect(flat.losses.count > 10)
        let tree = TreeTrial(Self.groups(scripts))
        tree.run(untilNs: .ms(9000))
        #expect(tree.root.events == flat.events)
        #expect(tree.root.saidLosses.sorted() == flat.saidLosses.sorted())
    }

    @Test func `an event that was late below is as late above`() {
        var steps = packets([(.ms(100), [.ms(50)]), (.ms(200), [.ms(150)])])
        steps.append((.ms(300), .beacon(.ms(300))))
        let old = TinyTrace.packet(from: .ms(250), to: .ms(400), events: [.ms(290), .ms(350)], number: 2, offset: 144)
        steps.append((.ms(400), .packet(old.index, old.bytes)))
        let late = RelayScript(sessions: [RelayScript.session(endsAtNs: .ms(600), streams: [steps])])
        // Above it is in order: another feed holds the watermark.
        let slow = RelayScript(sessions: [
            RelayScript.session(
                host: "slow",
                uuidByte: 2,
                endsAtNs: .ms(2000),
                streams: [packets([(.ms(100), [.ms(60)]), (.ms(1500), [.ms(1400)])])]
            )
        ])
        let tree = TreeTrial([[late], [slow]])
        tree.run(untilNs: .ms(5000))
        let events = tree.root.events
        #expect(events.map { $0.timestampNs / 1_000_000 } == [50, 60, 150, 290, 350, 1400])
        #expect(events.map(\.lateNs) == [0, 0, 0, Int64(UInt64.ms(10)), 0, 0])
    }

    @Test func `a feed whose sessions have all ended holds nobody`() {
        let short = RelayScript(sessions: [
            RelayScript.session(host: "short", endsAtNs: .ms(300), streams: [packets([(.ms(100), [.ms(50)])])])
        ])
        let long = RelayScript(sessions: [
            RelayScript.session(
                host: "long",
                uuidByte: 2,
                streams: [packets((1...20).map { (.ms($0 * 100), [.ms($0 * 100 - 50)]) })]
            )
        ])
        let tree = TreeTrial([[short], [long]])
        tree.run(untilNs: .ms(1500))
        #expect(tree.root.events.filter { $0.host == "long" }.count >= 12)
        #expect(tree.root.events.allSatisfy { $0.lateNs == 0 })
        let idle = tree.leaves[0].records.compactMap { if case .idle(let isIdle) = $0 { isIdle } else { nil } }
        #expect(idle == [true])
    }

    @Test func `coordinators nest`() {
        let scripts = Self.scripts()
        let flat = Self.flat(scripts)
        let leaves = Self.groups(scripts).enumerated().map { number, group in
            CoordinatorTrial(
                group,
                lifetime: .service,
                startsAtOnce: false,
                firstRelay: number * 3,
                node: TrialNode(feed: FeedID(high: 10, low: UInt64(number)))
            )
        }
        let middle = CoordinatorTrial(
            lifetime: .service,
            startsAtOnce: false,
            node: TrialNode(feed: FeedID(high: 20, low: 0)),
            feeds: [leaves[0].node, leaves[1].node]
        )
        let root = CoordinatorTrial(lifetime: .service, startsAtOnce: false, feeds: [middle.node, leaves[2].node])
        let trials = leaves + [middle, root]
        for trial in trials { trial.start() }
        TreeTrial.run(trials, untilNs: .ms(9000))
        #expect(root.events == flat.events)
        var relays: Set<String> = []
        for case .trace(let trace) in root.records { relays.insert(trace.relay) }
        #expect(relays.contains("feed-0/feed-1/relay-5") && relays.contains("feed-1/relay-8"))
    }
}
