import Testing

@testable import EventMerge

private let seconds: Int64 = 1_000_000_000

/// Hosts with clocks of their own, by true time.
private struct NetworkWorld {
    var random: SeededGenerator
    var offsetsNs: [Int64]
    var driftsPpb: [Int64]

    init(seed: UInt64, hosts: Int) {
        random = SeededGenerator(seed: seed)
        (offsetsNs, driftsPpb) = ([], [])
        for _ in 0..<hosts {
            offsetsNs.append(Int64(random.pick(-20_000_000_000..<20_000_000_000)) + 1_000_000_000_000_000)
            driftsPpb.append(Int64(random.pick(-200_000..<200_000)))
        }
    }

    func clockNs(_ host: Int, _ atNs: Int64) -> Int64 {
        atNs + offsetsNs[host] + Int64(SkewProgramme.floor(Int128(atNs) * Int128(driftsPpb[host]), 1_000_000_000))
    }

    /// The true time at which a host's clock says `clockNs`.
    func trueNs(_ host: Int, _ clockNs: Int64) -> Int64 {
        let elapsed = Int128(clockNs - offsetsNs[host]) * 1_000_000_000
        return Int64(elapsed / Int128(1_000_000_000 + driftsPpb[host]))
    }

    mutating func exchange(_ network: inout ClockNetwork, _ first: Int, _ second: Int, atNs: Int64) {
        for (sender, receiver) in [(first, second), (second, first)] {
            let arrivalNs = atNs + Int64(random.pick(10_000..<400_000))
            network.matched(
                sender: sender,
                sentNs: clockNs(sender, atNs),
                receiver: receiver,
                receivedNs: clockNs(receiver, arrivalNs) + 1
            )
        }
    }
}

struct ClockNetworkTests {
    @Test(arguments: UInt64(1)...60)
    func `over chains, the truth lies within the bounds`(seed: UInt64) throws {
        let hosts = 6
        var world = NetworkWorld(seed: seed, hosts: hosts)
        var network = ClockNetwork()
        // A random tree, in which numbers go up and down.
        var joined = [0]
        var edges: [(Int, Int)] = []
        for host in 1..<hosts {
            edges.append((joined[world.random.pick(0..<joined.count)], host))
            joined.append(host)
        }
        for second in 0..<60 as Range<Int64> {
            for edge in edges { world.exchange(&network, edge.0, edge.1, atNs: second * seconds) }
        }
        let reference = world.random.pick(0..<hosts)
        let standings = network.standings(order: [reference] + Array(0..<hosts))
        #expect(standings.count == hosts - 1)
        for host in 0..<hosts where host != reference {
            let standing = try #require(standings[host])
            #expect(standing.reference == reference && standing.estimate.quality == .accurate)
            let skewNs = world.clockNs(host, world.trueNs(reference, standing.atNs)) - standing.atNs
            let lower = try #require(standing.estimate.lowerNs)
            let upper = try #require(standing.estimate.upperNs)
            #expect(lower - 1 <= skewNs && skewNs <= upper + 1)
            #expect(upper - lower < 6_000_000)
            let drift = try #require(standing.estimate.drift)
            let truth = world.driftsPpb[host] - world.driftsPpb[reference]
            #expect(abs(drift.ppb - truth) <= drift.errorPpb + 200)
        }
    }

    @Test
    func `each island has its own reference, the first of the order in it`() {
        var world = NetworkWorld(seed: 4, hosts: 6)
        var network = ClockNetwork()
        world.exchange(&network, 1, 4, atNs: seconds)
        world.exchange(&network, 5, 2, atNs: seconds)
        let standings = network.standings(order: [3, 4, 2, 1, 5])
        #expect(standings.mapValues(\.reference) == [1: 4, 5: 2])
    }

    @Test
    func `messages one way do not compare two clocks`() {
        var network = ClockNetwork()
        network.matched(sender: 0, sentNs: 5, receiver: 1, receivedNs: 6)
        network.matched(sender: 1, sentNs: 5, receiver: 1, receivedNs: 6)
        let standings = network.standings(order: [0, 1])
        #expect(standings.isEmpty)
    }

    @Test
    func `a failed pair is gone over only where there is no other way, and what lies behind it is failed`() {
        var world = NetworkWorld(seed: 9, hosts: 4)
        var network = ClockNetwork()
        func exchange(_ second: Int64) {
            for edge in [(0, 1), (1, 2), (0, 2), (2, 3)] {
                world.exchange(&network, edge.0, edge.1, atNs: second * seconds)
            }
        }
        exchange(1)
        #expect(failed(&network) == [1: false, 2: false, 3: false])
        // Host 3's clock is set: only its pair contradicts itself.
        world.offsetsNs[3] += 5 * seconds
        exchange(2)
        #expect(failed(&network) == [1: false, 2: false, 3: true])
        exchange(3)
        #expect(failed(&network) == [1: false, 2: false, 3: false])
        // Host 2's: it is reached over failed pairs only, and so is host 3.
        world.offsetsNs[2] += 5 * seconds
        exchange(4)
        #expect(failed(&network) == [1: false, 2: true, 3: true])
    }

    /// Of each clock, whether what is said of it is of before.
    private func failed(_ network: inout ClockNetwork) -> [Int: Bool] {
        network.standings(order: [0]).mapValues { $0.estimate.quality == .failed }
    }

    @Test
    func `a clock that goes takes its pairs along`() {
        var world = NetworkWorld(seed: 9, hosts: 3)
        var network = ClockNetwork()
        world.exchange(&network, 0, 1, atNs: 1)
        world.exchange(&network, 1, 2, atNs: 1)
        network.remove(1)
        #expect(network.isEmpty)
        let standings = network.standings(order: [0, 1, 2])
        #expect(standings.isEmpty)
    }
}

struct MessageMatcherTests {
    private func at(_ clock: Int, _ ns: Int64) -> MessageMatcher.Moment {
        MessageMatcher.Moment(clock: clock, atNs: ns)
    }

    @Test
    func `events are matched in whichever order they come`() {
        var matcher = MessageMatcher()
        let first = [matcher.sent(.number(7), rule: 0, at(0, 10))]
        let second = matcher.received(.number(7), rule: 0, at(1, 12))
        #expect(first == [[]])
        #expect(second == MessageMatcher.Match(sent: at(0, 10), received: at(1, 12)))
        let waiting = matcher.received(.text([1]), rule: 0, at(1, 5))
        let other = matcher.sent(.text([1]), rule: 1, at(0, 4))
        let found = matcher.sent(.text([1]), rule: 0, at(0, 4))
        #expect(waiting == nil && other.isEmpty)
        #expect(found == [MessageMatcher.Match(sent: at(0, 4), received: at(1, 5))])
    }

    @Test
    func `what is received by several is matched with each`() {
        var matcher = MessageMatcher()
        for clock in 1...20 { _ = matcher.received(.number(1), rule: 0, at(clock, 9)) }
        let found = matcher.sent(.number(1), rule: 0, at(0, 1))
        #expect(found.map(\.received.clock) == Array(1...MessageMatcher.receiversMax))
        let more = matcher.received(.number(1), rule: 0, at(30, 9))
        #expect(more?.received.clock == 30)
    }

    @Test
    func `a value that is sent twice says nothing`() {
        var matcher = MessageMatcher()
        _ = matcher.sent(.number(1), rule: 0, at(0, 1))
        _ = matcher.sent(.number(1), rule: 0, at(2, 5))
        _ = matcher.sent(.number(1), rule: 0, at(2, 6))
        let found = matcher.received(.number(1), rule: 0, at(1, 9))
        #expect(found == nil && matcher.spoiledCount == 1)
    }

    @Test
    func `the oldest are forgotten, and long texts are not kept`() {
        var matcher = MessageMatcher()
        let long = [UInt8](repeating: 1, count: MessageMatcher.textBytesMax + 1)
        _ = matcher.sent(.text(long), rule: 0, at(0, 1))
        for number in 0...MessageMatcher.messagesMax { _ = matcher.sent(.number(Int128(number)), rule: 0, at(0, 1)) }
        let forgotten = matcher.received(.number(0), rule: 0, at(1, 2))
        let second = matcher.received(.number(2), rule: 0, at(1, 2))
        let last = matcher.received(.number(Int128(MessageMatcher.messagesMax)), rule: 0, at(1, 2))
        let text = matcher.received(.text(long), rule: 0, at(1, 2))
        #expect(forgotten == nil && second != nil && last != nil && text == nil)
    }
}
