import Foundation
import Glibc
import Testing

extension RealCluster {
    /// What the coordinator costs when nothing happens.
    @Suite(.timeLimit(.minutes(5)))
    struct Quiet {
        @Test
        func `after all sessions are stopped, the coordinator needs less than a hundredth of a core`() throws {
            // LTTng's own default live period.
            let cluster = try Cluster(hosts: 3, livePeriodMicroseconds: 1_000_000)
            for host in cluster.hosts { try host.startSession("s") }
            let coordinator = try Coordinator(cluster)
            let tail = try coordinator.tail()
            for host in cluster.hosts {
                try host.start(program: "tick", id: 1, arguments: ["--count", "1000", "--rate", "0"]).end()
            }
            try eventually("all events", of: tail) { tail.outputLines == 3000 }
            for host in cluster.hosts { try host.stop("s") }

            // It may need some periods to learn that nothing comes any more: what counts is that it comes to rest.
            var share = 1.0
            try eventually("rest, last \(share)", within: 60, state: { "\(share) of a core" }) {
                let before = try coordinator.process.cpuSeconds()
                let begin = DispatchTime.now()
                usleep(10_000_000)
                let seconds = Double(DispatchTime.now().uptimeNanoseconds - begin.uptimeNanoseconds) / 1e9
                share = (try coordinator.process.cpuSeconds() - before) / seconds
                return share < 0.01
            }
            #expect(tail.poll() == nil)
        }
    }
}
