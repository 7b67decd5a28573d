import ArgumentParser
import Glibc
import NIOCore
import NIOPosix
import Runtime
import SimulatedRelay

/// Many simulated relays in one process, each with a session of its own. `Tests/Benchmarks/relays` attaches to them.
@main
struct RelayFarm: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "relay-farm",
        abstract: "Serve simulated relays on loopback; prints a port a line, and ends when standard input does."
    )

    @Option(help: "How many.")
    var relays = 1000

    @Option(help: "Streams of each one's session.")
    var streams = 8

    @Option(help: "Microseconds between two beacons.")
    var liveUs: UInt32 = 1_000_000

    @Option(help: "Mean events a second on each stream; 0 for beacons alone.")
    var events: UInt64 = 0

    func run() async throws {
        OpenFiles.raiseLimit()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let startNs = NIODeadline.now().uptimeNanoseconds
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let epochNs = UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
        for number in 0..<relays {
            var host = GeneratedHost(hostname: "host-\(number)", seed: UInt64(number) + 1)
            host.cpuCount = streams
            host.liveTimerUs = liveUs
            host.eventsPerSecond = events
            host.epochOffsetNs = epochNs
            // Their timers tick at different moments, as those of different machines do.
            host.startsAtNs = UInt64(liveUs) * 1000 / UInt64(max(relays, 1)) * UInt64(number)
            let made = host
            let channel = try await SimulatedRelayServer.listen(on: loop, startNs: startNs) {
                SimulatedRelay(hosts: [made])
            }
            print(channel.localAddress?.port ?? 0)
        }
        fflush(nil)
        // Nothing is ever written to it: its end is the caller's.
        while readLine() != nil {}
        try await group.shutdownGracefully()
    }
}
