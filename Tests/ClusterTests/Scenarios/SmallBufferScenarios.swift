import Foundation
import Glibc
import Testing

extension RealCluster {
    /// Where the tracer or the relay daemon drops what nobody has read in time: it is said, to the event or packet.
    @Suite(.timeLimit(.minutes(5)))
    struct SmallBuffers {
        private static let everything = ["--from", "earliest", "--format", "json", "--all"]

        /// A page holds about a hundred events of `tick`.
        private static let pages = ["--subbuf-size", "4096", "--subbufs", "32"]

        @Test
        func `scenario 23: files that wrap while the coordinator stands still cost what was in them, and it is said`()
            throws
        {
            let cluster = try Cluster(hosts: 1, livePeriodMicroseconds: 50_000)
            let host = cluster.hosts[0]
            try host.startSession("s", channel: ["--tracefile-size=8192", "--tracefile-count=2"], options: Self.pages)
            let coordinator = try Coordinator(cluster)
            let tail = try coordinator.tail(Self.everything)
            // Slow enough that the coordinator keeps up.
            let gently = ["--count", "200", "--rate", "200", "--linger-ms", "0"]
            try host.start(program: "tick", id: 1, arguments: gently).end()
            try eventually("what came before", of: tail) { try tail.feed().programs[1] == 200 }

            coordinator.process.signal(SIGSTOP)
            try host.start(program: "tick", id: 2, arguments: ["--count", "4000", "--rate", "4000", "--burst", "40"])
                .end()
            coordinator.process.signal(SIGCONT)
            try host.start(program: "tick", id: 3, arguments: gently).end()
            try eventually("what came after", of: tail, and: coordinator.process) {
                try tail.feed().programs[3] == 200
            }
            #expect(try host.discarded("s") == 0)
            try host.destroy("s")
            try eventually("the session's end", of: tail) { try tail.feed().sessionStates("s").last == "ended" }

            let feed = try tail.feed()
            // An event of another packet than was asked for would be twice in it, or out of order.
            let (gaps, repeats) = feed.continuity()
            #expect(repeats == [])
            #expect(feed.disorder == [])
            #expect(!gaps.isEmpty)
            #expect(gaps.allSatisfy { $0.writer.program == 2 }, "\(gaps)")
            for gap in gaps {
                #expect(feed.losses.contains { Self.covers($0, gap) }, "\(gap) by none of \(feed.losses)")
            }
            let packets = feed.losses.compactMap(\.packets).reduce(0, +)
            let missing = gaps.reduce(0) { $0 + $1.count }
            #expect((1...missing).contains(packets), "\(missing) events in \(packets) packets")
            #expect(missing <= packets * 110, "\(missing) events in \(packets) packets")
            // What is still stored is all there.
            let stored = try Self.numbers(Babeltrace.text(cluster.traces))
            let seen = Set(feed.events.map { "\($0.writer.program) \($0.sequence)" })
            #expect(!stored.isEmpty && stored.subtracting(seen).isEmpty, "\(stored.subtracting(seen))")
        }

        /// The two modes beside each other: both sessions see the same program.
        @Test
        func `scenario 24: what the tracer drops or overwrites is counted as lttng and babeltrace2 count it`() throws {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            let tiny = ["--subbuf-size", "4096", "--subbufs", "2"]
            try host.startSession("drops", events: "load:*", channel: ["--discard"], options: tiny)
            try host.startSession("overwrites", events: "load:*", channel: ["--overwrite"], options: tiny)
            let coordinator = try Coordinator(cluster)
            let tail = try coordinator.tail(Self.everything)
            // Packets that are lost before the first one that was read are counted by nobody but us.
            try host.start(program: "load", id: 2, arguments: ["--count", "10", "--rate", "0"]).end()
            try eventually("the first packets", of: tail, and: coordinator.process) {
                try tail.feed().programs[2] == 20
            }
            let count = 20_000
            try host.start(program: "load", id: 1, arguments: ["--count", "\(count)", "--rate", "0"]).end()
            for session in ["overwrites", "drops"] { try host.stop(session) }
            let discarded = try host.discarded("drops")
            let overwritten = try host.lostPackets("overwrites")
            try #require(discarded > 0 && overwritten > 0, "\(discarded) \(overwritten)")
            for session in ["overwrites", "drops"] { try host.destroy(session) }
            try eventually("both sessions' ends", of: tail, and: coordinator.process) {
                let feed = try tail.feed()
                return ["drops", "overwrites"].allSatisfy { feed.sessionStates($0).last == "ended" }
            }
            let feed = try tail.feed()
            let (gaps, repeats) = feed.continuity()
            #expect(repeats == [])
            #expect(feed.disorder == [])
            for gap in gaps {
                #expect(feed.losses.contains { Self.covers($0, gap) }, "\(gap) by none of \(feed.losses)")
            }
            #expect(feed.losses.compactMap(\.events).reduce(0, +) == discarded)
            #expect(feed.losses.compactMap(\.packets).reduce(0, +) == overwritten)
            let seen = feed.counts.filter { $0.key.program == 1 }.values
            #expect(seen.count == 2 && seen.contains(count - discarded), "\(seen) \(discarded)")
            let stored = try Command.run(["babeltrace2"] + cluster.traces)
            #expect(stored.output.lineCount == feed.events.count)
            #expect(Self.warned("event", stored.error) == discarded, "\(stored.error)")
            #expect(Self.warned("packet", stored.error) == overwritten, "\(stored.error)")
        }

        /// How many events or packets babeltrace2 warns of.
        private static func warned(_ unit: String, _ text: String) -> Int {
            text.matches(of: /discarded (\d+) (event|packet)s?/).reduce(0) { $0 + ($1.2 == unit ? Int($1.1) ?? 0 : 0) }
        }

        /// Whether the record says that something is missing where the gap is.
        private static func covers(_ loss: JSONFeed.Loss, _ gap: JSONFeed.Gap) -> Bool {
            guard let to = loss.toNs else { return false }
            return (loss.fromNs ?? .min) <= gap.toNs && (gap.fromNs ?? .min) <= to
        }

        /// The events of a text by their numbers.
        private static func numbers(_ text: Data) -> Set<String> {
            Set(
                String(decoding: text, as: UTF8.self).matches(of: /program = (\d+), thread = 0, seqno = (\d+)/)
                    .map { "\($0.1) \($0.2)" }
            )
        }
    }
}
