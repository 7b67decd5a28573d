import Foundation
import Glibc
import Testing

extension RealCluster {
    /// The daemon under a service manager: its unit, what it tells the manager, and how it ends.
    @Suite(.timeLimit(.minutes(5)))
    struct ServiceManager {
        private static let unit = Repository.root.appendingPathComponent("Deploy/tidemark.service").path

        @Test
        func `systemd finds nothing wrong with the unit, and little that it exposes`() throws {
            let folder = try ScratchFolder()
            // The program need not be installed to look at its unit.
            let text = try String(contentsOfFile: Self.unit, encoding: .utf8)
                .replacingOccurrences(of: "/usr/bin/tidemark", with: Repository.tidemark)
            let file = try folder.write(text, to: "tidemark.service")
            let verified = try Command.result(["systemd-analyze", "verify", file])
            #expect(verified.status == 0, "\(verified.error)")
            // Older systemd takes the other of the two types.
            let complaints = verified.error.split(separator: "\n").filter {
                $0.contains(file) && !$0.contains("Failed to parse service type, ignoring: notify-reload")
            }
            #expect(complaints.isEmpty, "\(complaints)")
            let exposure = try Command.result([
                "systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=15", file,
            ])
            #expect(exposure.status == 0, "\(exposure.text.suffix(3000))")
        }

        @Test
        func `it says when it is up, alive, reloading and about to end`() throws {
            let manager = try ManagerSocket()
            let coordinator = try Coordinator(
                [.init(name: "a", url: "net://127.0.0.1:\(try freePort())")],
                environment: ["NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "300000"]
            )
            try manager.await("READY=1")
            for _ in 0..<5 { try manager.await("WATCHDOG=1") }

            // Stands still: nothing is alive then.
            coordinator.process.signal(SIGSTOP)
            manager.forget()
            #expect(throws: Failure.self) { try manager.receive(within: 1) }
            coordinator.process.signal(SIGCONT)
            try manager.await("WATCHDOG=1")

            let before = Self.monotonicMicroseconds()
            coordinator.process.signal(SIGHUP)
            let reloading = try manager.await("RELOADING=1")
            let told = reloading.first { $0.hasPrefix("MONOTONIC_USEC=") }?.dropFirst("MONOTONIC_USEC=".count)
            let at = try #require(told.flatMap { Int64($0) })
            #expect((before...Self.monotonicMicroseconds()).contains(at))
            try manager.await("READY=1")

            coordinator.process.signal(SIGTERM)
            try manager.await("STOPPING=1")
            #expect(try coordinator.process.end(within: 30).status == 0, "\(coordinator.process.summary)")
        }

        @Test
        func `a watchdog that is for another process is not fed`() throws {
            let manager = try ManagerSocket()
            let coordinator = try Coordinator(
                [.init(name: "a", url: "net://127.0.0.1:\(try freePort())")],
                environment: ["NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "300000", "WATCHDOG_PID": "1"]
            )
            try manager.await("READY=1")
            coordinator.process.signal(SIGHUP)
            try manager.await("RELOADING=1")
            try manager.await("READY=1")
            #expect(!manager.seen.contains("WATCHDOG=1"))
        }

        // MARK: Its end

        @Test
        func `under load it ends in order within its limit, whoever reads has all, and who does not is cut off`() throws
        {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            try host.startSession("s")
            let coordinator = try Coordinator(cluster)
            let reading = try coordinator.tail(["--from", "earliest", "--format", "json", "--all", "--no-reconnect"])
            let stopped = try coordinator.tail(["--from", "earliest", "--no-reconnect"])
            let program = try host.start(
                program: "load",
                id: 1,
                arguments: ["--count", "2000000", "--rate", "20000", "--burst", "200"]
            )
            try eventually("both have events", of: reading, and: stopped) {
                reading.outputLines > 20_000 && stopped.outputLines > 20_000
            }
            stopped.signal(SIGSTOP)
            // More than sockets and buffers hold of what the stopped one does not take.
            let count = reading.outputLines
            try eventually("more events", of: reading) { reading.outputLines > count + 100_000 }
            let begin = Self.monotonicMicroseconds()
            coordinator.process.signal(SIGTERM)
            #expect(try coordinator.process.end(within: 30).status == 0, "\(coordinator.process.summary)")
            #expect(Self.monotonicMicroseconds() - begin < 12_000_000)
            #expect(try reading.end(within: 30).status == 69, "\(reading.summary)")
            let last = reading.outputText.suffix(2000)
            #expect(last.contains("the coordinator stops"), "\(last)")
            #expect(reading.errorText.contains("the feed has ended: the coordinator stops"), "\(reading.errorText)")
            let told = coordinator.process.errorText
            #expect(told.contains("subscriber cut off") && told.contains("did not take the end of the feed in time"))
            #expect(told.contains("reason=the feed ends"), "\(told.suffix(2000))")
            stopped.signal(SIGKILL)
            _ = try program.stop()
        }

        @Test
        func `a second signal ends it at once`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            try host.startSession("s")
            let coordinator = try Coordinator(cluster)
            let stopped = try coordinator.tail(["--from", "earliest"])
            let program = try host.start(
                program: "load",
                id: 1,
                arguments: ["--count", "2000000", "--rate", "20000", "--burst", "200"]
            )
            try eventually("events", of: stopped) { stopped.outputLines > 10_000 }
            stopped.signal(SIGSTOP)
            let other = try coordinator.tail(["--from", "latest"])
            try eventually("more events", of: other) { other.outputLines > 100_000 }
            coordinator.process.signal(SIGTERM)
            try eventually("it is about to end", of: coordinator.process) {
                coordinator.process.errorText.contains("[Runtime] stopping")
            }
            #expect(coordinator.process.poll() == nil)
            let begin = Self.monotonicMicroseconds()
            coordinator.process.signal(SIGTERM)
            #expect(try coordinator.process.end(within: 30).status == 1, "\(coordinator.process.summary)")
            #expect(Self.monotonicMicroseconds() - begin < 2_000_000)
            #expect(coordinator.process.errorText.contains("ended by a second signal"))
            stopped.signal(SIGKILL)
            _ = try program.stop()
        }

        private static func monotonicMicroseconds() -> Int64 {
            var time = timespec()
            clock_gettime(CLOCK_MONOTONIC, &time)
            return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
        }
    }
}

/// The service manager's end of `NOTIFY_SOCKET`.
private final class ManagerSocket {
    let path: String
    /// All assignments that came.
    private(set) var seen: [String] = []
    private let descriptor: Int32
    private let folder: ScratchFolder

    init() throws {
        folder = try ScratchFolder()
        path = folder.file("notify")
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard descriptor >= 0, result == 0 else { throw Failure("cannot listen on \(path)") }
    }

    deinit { close(descriptor) }

    /// The assignments of the next message.
    func receive(within seconds: Double = 20) throws -> [String] {
        var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&wanted, 1, Int32(seconds * 1000)) == 1, let message = receiveNow() else {
            throw Failure("the daemon has said nothing for \(seconds) s; before: \(seen)")
        }
        return message
    }

    /// Nil where there is none.
    func receiveNow() -> [String]? {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        guard count >= 0 else { return nil }
        let lines = String(decoding: bytes.prefix(count), as: UTF8.self).split(separator: "\n").map(String.init)
        seen += lines
        return lines
    }

    /// The next message that has the assignment.
    @discardableResult
    func await(_ assignment: String) throws -> [String] {
        let end = DispatchTime.now() + 20
        while DispatchTime.now() < end {
            let message = try receive()
            if message.contains(assignment) { return message }
        }
        throw Failure("the daemon has not said \(assignment); but \(seen.suffix(20))")
    }

    /// Passes by what has come.
    func forget() {
        while receiveNow() != nil {}
    }
}
