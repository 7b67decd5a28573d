import ArgumentParser
import Glibc
import NIOCore
import NIOPosix
import Runtime
import SimulatedRelay

/// Many simulated relays in one process, each with a session of its own, for the commands of `Tests/Benchmarks`.
@main
struct RelayFarm: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "relay-farm",
        abstract: "Serve simulated relays on loopback; prints a port a line, and ends when standard input does.",
        discussion: """
            With --packets the sessions' packets are made beforehand, and a last line tells from when on there are \
            any: nanoseconds of the monotonic clock, which is the traces' clock too.
            """
    )

    @Option(help: "How many.")
    var relays = 1000

    @Option(help: "Streams of each one's session.")
    var streams = 8

    @Option(help: "Microseconds between two beacons.")
    var liveUs: UInt32 = 1_000_000

    @Option(help: "Mean events a second on each stream; 0 for beacons alone.")
    var events: UInt64 = 0

    @Option(help: "Instead: packets of each stream, one a live period.")
    var packets = 0

    @Option(help: "Events of each of these packets.")
    var packetEvents = 1000

    @Flag(help: "All of these packets can be had at the same moment, as stored ones.")
    var atOnce = false

    @Option(help: "How long from the start until the first of these packets can be had, milliseconds.")
    var leadMs: UInt64 = 2000

    @Option(help: "Also store these traces below this directory, each in a directory of its relay's number.")
    var store: String?

    /// The Unix time of the monotonic clock's zero, nanoseconds.
    private var epochNs: UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec) - NIODeadline.now().uptimeNanoseconds
    }

    func run() async throws {
        OpenFiles.raiseLimit()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let startNs = NIODeadline.now().uptimeNanoseconds
        if packets > 0 {
            try await servePrepared(on: group.next(), startNs: startNs)
        } else {
            try await serveGenerated(on: group.next(), startNs: startNs)
        }
        fflush(nil)
        // Nothing is ever written to it: its end is the caller's.
        while readLine() != nil {}
        try await group.shutdownGracefully()
    }

    private func serveGenerated(on loop: any EventLoop, startNs: UInt64) async throws {
        for number in 0..<relays {
            var host = host(number)
            host.eventsPerSecond = events
            host.epochOffsetNs = epochNs + startNs
            // Their timers tick at different moments, as those of different machines do.
            host.startsAtNs = UInt64(liveUs) * 1000 / UInt64(max(relays, 1)) * UInt64(number)
            let made = host
            let channel = try await SimulatedRelayServer.listen(on: loop, startNs: startNs) {
                SimulatedRelay(hosts: [made])
            }
            print(channel.localAddress?.port ?? 0)
        }
    }

    private func servePrepared(on loop: any EventLoop, startNs: UInt64) async throws {
        let firstNs = startNs + leadMs * 1_000_000
        let lengthNs = UInt64(packets) * UInt64(liveUs) * 1000
        // Stored packets have been written before.
        guard let beginNs = atOnce ? firstNs.subtracting(lengthNs) : firstNs.subtracting(UInt64(liveUs) * 1000) else {
            throw ValidationError("the machine has not run for as long as the traces: fewer --packets")
        }
        let epochNs = epochNs
        for number in 0..<relays {
            var host = host(number)
            host.epochOffsetNs = epochNs
            let prepared = PreparedHost(
                host: host,
                packetCount: packets,
                packetEvents: packetEvents,
                beginNs: beginNs,
                allAtNs: atOnce ? firstNs : nil
            )
            let session = prepared.session()
            if let store { prepared.store(in: "\(store)/\(number)", session) }
            let channel = try await SimulatedRelayServer.listen(on: loop, startNs: 0) {
                SimulatedRelay(RelayScript(sessions: [session]))
            }
            print(channel.localAddress?.port ?? 0)
        }
        guard NIODeadline.now().uptimeNanoseconds < firstNs else {
            throw ValidationError("making the packets took longer than --lead-ms \(leadMs)")
        }
        print(firstNs)
    }

    private func host(_ number: Int) -> GeneratedHost {
        var host = GeneratedHost(hostname: "host-\(number)", seed: UInt64(number) + 1)
        host.cpuCount = streams
        host.liveTimerUs = liveUs
        return host
    }
}

extension UInt64 {
    fileprivate func subtracting(_ other: UInt64) -> UInt64? {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? nil : difference
    }
}
