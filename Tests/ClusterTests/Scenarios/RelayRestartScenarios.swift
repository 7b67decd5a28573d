import Foundation
import Glibc
import Testing

extension RealCluster {
    /// Relay daemons that die, stand still, or are cut off from their tracers, beside others that do not.
    @Suite(.timeLimit(.minutes(5)))
    struct RelayRestart {
        private static let everything = ["--from", "earliest", "--format", "json", "--all"]

        /// A program that writes until `end` is called.
        private struct Ticker {
            let program: TracedProgram

            init(on host: Host, id: Int, rate: Int = 100) throws {
                program = try host.start(program: "tick", id: id, arguments: ["--count", "0", "--rate", "\(rate)"])
            }

            /// Ends it. - Returns: how many events it wrote.
            func end() throws -> Int {
                program.process.signal(SIGTERM)
                return try program.written()
            }
        }

        @Test
        func `scenario 15: a relay daemon is killed and restarted, and what has old ids then is new`() throws {
            let cluster = try Cluster(hosts: 2)
            let (killed, other) = (cluster.hosts[0], cluster.hosts[1])
            for host in cluster.hosts { try host.startSession("s") }
            let coordinator = try Coordinator(cluster, options: .init(stallAfter: "1s"))
            let tail = try coordinator.tail(Self.everything)
            let ticker = try Ticker(on: other, id: 9)
            try killed.start(program: "tick", id: 1, arguments: ["--count", "100", "--rate", "0"]).end()
            try eventually("the first session's events", of: tail) { try tail.feed().programs[1] == 100 }

            try killed.kill("relay")
            try eventually("the other relay's events without the killed one", of: tail, and: coordinator.process) {
                let feed = try tail.feed()
                guard feed.relayStates(killed.name).contains("excluded"), let last = feed.events.last else {
                    return false
                }
                return last.writer.relay == other.name && tail.hasPrinted(#""state":"excluded""#)
            }
            let before = try tail.feed().programs[9] ?? 0
            try eventually("more of them", of: tail) { try tail.feed().programs[9] ?? 0 > before + 50 }

            // Tracers do not connect again: the session is made anew, under its old name. That its end could not be
            // told to the relay is an error for lttng, which has destroyed it nevertheless. The coordinator sleeps
            // until there is a session with streams that have the old ones' numbers.
            coordinator.process.signal(SIGSTOP)
            try killed.restartRelay()
            #expect(throws: Failure.self) { try killed.destroy("s") }
            try killed.startSession("s")
            try killed.start(program: "tick", id: 2, arguments: ["--count", "100", "--rate", "0"]).end()
            coordinator.process.signal(SIGCONT)
            try eventually("the second session's events", of: tail, and: coordinator.process) {
                try tail.feed().programs[2] ?? 0 >= 100
            }
            let written = try ticker.end()
            try eventually("all of the other relay's events", of: tail) { try tail.feed().programs[9] == written }

            let feed = try tail.feed()
            #expect(feed.programs == [1: 100, 2: 100, 9: written])
            let (gaps, repeats) = feed.continuity()
            #expect(gaps.isEmpty && repeats.isEmpty, "\(gaps) \(repeats)")
            #expect(feed.disorder == [])
            #expect(feed.events.allSatisfy { $0.lateNs == 0 || $0.writer.relay == killed.name })
            let ids = Set(feed.events.filter { $0.writer.relay == killed.name }.map(\.writer.sessionID))
            #expect(ids.count == 1, "the relay daemon was to give its first id again: \(ids)")
            let states = feed.sessionStates("s", relay: killed.name)
            #expect(states.first == "active" && states.last == "active", "\(states)")
            #expect(states.contains("lost") || states.contains("ended"), "\(states)")
            #expect(feed.sessionStates("s", relay: other.name) == ["active"])
        }

        /// One coordinator goes on without it after a second, one waits for ever: until the configuration drops it.
        @Test
        func `a relay daemon is killed for good: the feed goes on without it, or once it is no longer configured`()
            throws
        {
            let cluster = try Cluster(hosts: 2)
            let (killed, other) = (cluster.hosts[0], cluster.hosts[1])
            for host in cluster.hosts {
                for session in ["strict", "patient"] { try host.startSession(session) }
            }
            let relays = { (session: String) in
                cluster.hosts.map { Coordinator.Relay(name: $0.name, url: $0.url(session: session)) }
            }
            let strict = try Coordinator(relays("strict"), options: .init(stallAfter: "never"))
            let patient = try Coordinator(relays("patient"), options: .init(stallAfter: "1s"))
            let tails = try [strict, patient].map { try $0.tail(Self.everything) }
            let tickers = try cluster.hosts.enumerated().map { try Ticker(on: $1, id: $0 + 1) }
            for tail in tails {
                try eventually("events of both", of: tail) { try tail.feed().programs.count == 2 }
            }
            try killed.kill("relay")
            try eventually("the patient one has gone on", of: tails[1]) {
                tails[1].hasPrinted(#""state":"excluded""#)
            }
            let count = try tails[1].feed().programs[2] ?? 0
            try eventually("more of the other relay", of: tails[1]) {
                try tails[1].feed().programs[2] ?? 0 > count + 300
            }
            try eventually("who holds the feed is said", of: tails[0]) { tails[0].hasPrinted(#""type":"holder""#) }
            let held = try tails[0].feed()
            #expect(try held.programs[2] ?? 0 < tails[1].feed().programs[2] ?? 0)
            #expect(!held.relayStates(killed.name).contains("excluded"))

            try strict.reconfigure(relays("strict").filter { $0.name == other.name })
            _ = try tickers[0].end()
            let written = try tickers[1].end()
            for (tail, coordinator) in zip(tails, [strict, patient]) {
                try eventually("all of the other relay", of: tail, and: coordinator.process) {
                    try tail.feed().programs[2] == written
                }
                let feed = try tail.feed()
                let (gaps, repeats) = feed.continuity()
                #expect(gaps.isEmpty && repeats.isEmpty, "\(gaps) \(repeats)")
                #expect(feed.disorder == [])
                #expect(feed.events.allSatisfy { $0.lateNs == 0 || $0.writer.relay == killed.name })
            }
            // What was not read of it is said to be lost where nobody waits for it any more.
            #expect(try tails[0].feed().losses.isEmpty == false)
            #expect(try tails[0].feed().sessionStates("strict", relay: killed.name).last == "lost")
        }

        /// The pause is longer than a reply may take, so that the connection is given up and made again meanwhile.
        /// Two sessions see the same programs: one for a coordinator that waits for ever, one for one that does not.
        @Test
        func `scenario 16: a relay daemon stands still, and afterwards all it had arrives, in order or said late`()
            throws
        {
            let cluster = try Cluster(hosts: 2)
            let paused = cluster.hosts[0]
            for host in cluster.hosts {
                for session in ["strict", "patient"] { try host.startSession(session) }
            }
            let coordinators = try [("strict", "never"), ("patient", "1s")].map { session, stallAfter in
                let relays = cluster.hosts.map { Coordinator.Relay(name: $0.name, url: $0.url(session: session)) }
                return try Coordinator(relays, options: .init(stallAfter: stallAfter))
            }
            let tails = try coordinators.map { try $0.tail(Self.everything) }
            let tickers = try cluster.hosts.enumerated().map { try Ticker(on: $1, id: $0 + 1) }
            for tail in tails {
                try eventually("events of both", of: tail) { try tail.feed().programs.count == 2 }
            }
            let before = try tails[1].feed().programs[2] ?? 0
            try paused.pause("relay")
            for (coordinator, tail) in zip(coordinators, tails) {
                try eventually("the connection is given up", of: coordinator.process, and: tail) {
                    coordinator.process.errorText.contains("no reply within")
                }
            }
            try eventually("the patient one has gone on", of: tails[1]) {
                tails[1].hasPrinted(#""state":"excluded""#)
            }
            // The other host's program writes 100 events a second.
            try eventually("twenty seconds", of: tails[1]) { try tails[1].feed().programs[2] ?? 0 > before + 2000 }
            try paused.resume("relay")
            for (tail, coordinator) in zip(tails, coordinators) {
                let lines = tail.outputLines
                try eventually("the relay's events again", of: tail, and: coordinator.process) {
                    guard tail.outputLines > lines + 100 else { return false }
                    return try tail.feed().events.last { $0.writer.relay == paused.name }?.sequence ?? 0 > 2600
                }
            }
            let written = try tickers.map { try $0.end() }
            for (number, tail) in tails.enumerated() {
                try eventually("all events", of: tail, and: coordinators[number].process) {
                    try tail.feed().programs == [1: written[0], 2: written[1]]
                }
                let feed = try tail.feed()
                let (gaps, repeats) = feed.continuity()
                #expect(gaps.isEmpty && repeats.isEmpty, "\(gaps) \(repeats)")
                #expect(feed.disorder == [])
                #expect(feed.losses.isEmpty, "\(feed.losses)")
                if number == 0 {
                    #expect(feed.lateCount == 0)
                    #expect(!feed.relayStates(paused.name).contains("excluded"))
                } else {
                    #expect(feed.lateCount > 0)
                    #expect(feed.events.allSatisfy { $0.lateNs == 0 || $0.writer.relay == paused.name })
                }
            }
            for session in ["patient", "strict"] {
                for host in cluster.hosts { #expect(try host.discarded(session) == 0) }
            }
        }

        /// A network that passes nothing on is a proxy that stands still: no byte and no end comes from it.
        @Test
        func `scenario 17: a tracer cut off from its relay is seen to stall, and comes back or hangs up`() throws {
            let cluster = try Cluster(hosts: 2)
            let (cut, other) = (cluster.hosts[0], cluster.hosts[1])
            let proxies = try [cut.tracerPorts.control, cut.tracerPorts.data].map { try FakeRelay(["proxy", "\($0)"]) }
            try cut.startSession("s", tracerPorts: (proxies[0].port, proxies[1].port))
            try other.startSession("s")
            let coordinator = try Coordinator(cluster, options: .init(stallAfter: "1s"))
            let tail = try coordinator.tail(Self.everything)
            let tickers = [try Ticker(on: cut, id: 1), try Ticker(on: other, id: 2)]
            try eventually("events of both", of: tail) { try tail.feed().programs.count == 2 }

            for proxy in proxies { proxy.process.signal(SIGSTOP) }
            try eventually("the stall is said, and the other goes on", of: tail, and: coordinator.process) {
                let feed = try tail.feed()
                guard feed.relayStates(cut.name).contains("excluded"), let last = feed.events.last else { return false }
                return last.writer.relay == other.name
            }
            // The relay itself answers all the while.
            #expect(!coordinator.process.errorText.contains("connection lost"), "\(coordinator.process.errorText)")

            for proxy in proxies { proxy.process.signal(SIGCONT) }
            try eventually("it counts again", of: tail, and: coordinator.process) {
                try tail.feed().relayStates(cut.name).last == "active"
            }
            let written = try tickers[0].end()
            try eventually("all of its events", of: tail, and: coordinator.process) {
                try tail.feed().programs[1] == written
            }
            let recovered = try tail.feed()
            #expect(recovered.lateCount > 0)
            #expect(recovered.events.allSatisfy { $0.lateNs == 0 || $0.writer.relay == cut.name })

            for proxy in proxies { proxy.process.signal(SIGKILL) }
            try eventually("the session has ended", of: tail, and: coordinator.process) {
                try tail.feed().sessionStates("s", relay: cut.name).last == "ended"
            }
            let rest = try tickers[1].end()
            try eventually("all of the other's events", of: tail) { try tail.feed().programs[2] == rest }
            let feed = try tail.feed()
            let (gaps, repeats) = feed.continuity()
            #expect(gaps.isEmpty && repeats.isEmpty, "\(gaps) \(repeats)")
            #expect(feed.disorder == [])
        }
    }
}
