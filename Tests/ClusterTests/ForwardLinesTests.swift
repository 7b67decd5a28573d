import Foundation
import Glibc
import Testing

extension RealCluster {
    /// The feed in a file and in a program, whatever is killed.
    @Suite(.timeLimit(.minutes(5)))
    struct ForwardLines {
        /// The lines of a file and of those that were set aside, the oldest first.
        private func lines(_ path: String) -> [Substring] {
            var text = ""
            for name in (1...100).reversed().map({ "\(path).\($0)" }) + [path] {
                text += FileManager.default.contents(atPath: name).map { String(decoding: $0, as: UTF8.self) } ?? ""
            }
            return text.split(separator: "\n")
        }

        private func seqno(_ line: Substring) -> Int {
            let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            return (object?["fields"] as? [String: Any])?["seqno"] as? Int ?? -1
        }

        private func expectAll(_ found: [Substring], of coordinator: Coordinator, count: Int) throws {
            let tail = try coordinator.tail(["--from", "earliest", "--format", "json", "--limit", "\(count)"])
            #expect(try tail.end(within: 60).status == 0, "\(tail.summary)")
            let expected = tail.outputText.split(separator: "\n")
            #expect(expected.count == count)
            #expect(found.count == count)
            let difference = zip(found, expected).first { $0 != $1 }
            #expect(difference == nil)
        }

        @Test
        func `a file that is set aside has each event once, in order, though the coordinator is killed`() throws {
            let cluster = try Cluster(hosts: 2)
            for host in cluster.hosts { try host.startSession("s") }
            let path = cluster.file("events.jsonl")
            var options = Coordinator.Options()
            options.log = cluster.file("log")
            options.forward = [
                "- {name: archive, file: \(path), rotate-bytes: 200KiB, keep: 100}",
                "- {name: late, file: \(path).late, filter: 'seqno > 1000'}",
            ]
            let coordinator = try Coordinator(cluster, options: options)
            let programs = try cluster.hosts.map { host in
                try host.start(program: "tick", id: 1, arguments: ["--count", "4000", "--rate", "1000"])
            }
            for part in [1000, 3000, 5000] {
                try eventually("\(part) events", of: coordinator.process) { lines(path).count > part }
                coordinator.process.signal(SIGKILL)
                try coordinator.process.end()
                try coordinator.restart()
            }
            for program in programs { try program.end() }
            try eventually("all events", of: coordinator.process) { lines(path).count >= 8000 }
            #expect(FileManager.default.fileExists(atPath: path + ".3"))
            try expectAll(lines(path), of: coordinator, count: 8000)
            let late = lines(path).filter { seqno($0) > 1000 }
            #expect(late.count > 5000 && lines(path + ".late") == late)
            for host in cluster.hosts { try host.destroy("s") }
            coordinator.process.signal(SIGTERM)
            #expect(try coordinator.process.end(within: 30).status == 0, "\(coordinator.process.summary)")
            #expect(lines(path).count == 8000)
        }

        @Test
        func `a program that dies again and again misses nothing, nor when the coordinator is killed`() throws {
            let cluster = try Cluster(hosts: 2)
            for host in cluster.hosts { try host.startSession("s") }
            let path = cluster.file("kept.jsonl")
            let script = Repository.python + "/keep_lines.py"
            var options = Coordinator.Options()
            options.log = cluster.file("log")
            options.http = { _ in [] }
            options.forward = [
                "- name: keeper",
                "  exec: [/usr/bin/python3, \(script), \(path), --die-after, \"1000\", --deaths, \"3\"]",
            ]
            let coordinator = try Coordinator(cluster, options: options)
            let programs = try cluster.hosts.map { host in
                try host.start(program: "tick", id: 1, arguments: ["--count", "4000", "--rate", "1000"])
            }
            func unique() -> [Substring] {
                var seen: Set<Substring> = []
                return lines(path).filter { seen.insert($0).inserted }
            }
            try eventually("a part", of: coordinator.process) { unique().count > 5000 }
            coordinator.process.signal(SIGKILL)
            try coordinator.process.end()
            let told = coordinator.process.errorText
            #expect(told.contains("was ended by signal 9"), "\(told.suffix(3000))")
            #expect(told.contains("begins, 2 have died"), "\(told.suffix(3000))")
            try coordinator.restart()
            for program in programs { try program.end() }
            try eventually("all events", of: coordinator.process) { unique().count >= 8000 }
            try expectAll(unique(), of: coordinator, count: 8000)
            #expect(FileManager.default.contents(atPath: path + ".deaths") == Data("3".utf8))
            let scrape = try Command.run(["curl", "-sS", "http://127.0.0.1:\(coordinator.httpPort)/metrics"]).text
            #expect(scrape.contains(#"tidemark_forwarder_state{forwarder="keeper",kind="exec",state="delivering"} 1"#))
            let ready = try Command.run(["curl", "-sS", "http://127.0.0.1:\(coordinator.httpPort)/readyz"]).text
            #expect(ready.contains(#""name":"keeper","kind":"exec","state":"delivering""#), "\(ready)")
            let top = try Tidemark.start(
                ["top", coordinator.url, "--interval", "0.2", "--http", "127.0.0.1:\(coordinator.httpPort)"]
                    + coordinator.identities.options()
            )
            try eventually("the forwarder in top", of: top) {
                let row = top.outputText.split(separator: "\n").last { $0.hasPrefix("keeper ") }
                return row?.split(separator: " ").prefix(3) == ["keeper", "exec", "delivering"]
            }
            #expect(try top.terminate().status == 0, "\(top.summary)")
            coordinator.process.signal(SIGTERM)
            #expect(try coordinator.process.end(within: 30).status == 0, "\(coordinator.process.summary)")
        }

        @Test
        func `forwarders come, change and go with the configuration, and one that takes nothing does not keep it`()
            throws
        {
            let cluster = try Cluster(hosts: 1)
            let host = cluster.hosts[0]
            try host.startSession("s")
            var options = Coordinator.Options()
            let path = cluster.file("events")
            options.forward = [
                "- {name: deaf, exec: [sleep, \"1000\"]}", "- {name: gone, exec: [\"false\"]}",
                "- {name: one, file: \(path).1st}",
            ]
            let coordinator = try Coordinator(cluster, options: options)
            try host.start(program: "tick", id: 1, arguments: ["--count", "1000", "--rate", "0"]).end()
            try eventually("the first file", of: coordinator.process) { lines(path + ".1st").count == 1000 }

            let text = try String(contentsOfFile: coordinator.configurationFile, encoding: .utf8)
            let changed = text.replacingOccurrences(
                of: "- {name: one, file: \(path).1st}",
                with: "- {name: two, file: \(path).2nd, filter: 'seqno < 10'}"
            )
            try coordinator.reconfigure(text: changed)
            try eventually("the second file", of: coordinator.process) { lines(path + ".2nd").count > 0 }
            try host.start(program: "tick", id: 2, arguments: ["--count", "100", "--rate", "0"]).end()
            // Of both programs.
            let few = 2 * lines(path + ".1st").count { seqno($0) < 10 }
            try eventually("its events", of: coordinator.process) { lines(path + ".2nd").count == few }
            #expect(lines(path + ".2nd").allSatisfy { seqno($0) < 10 })
            #expect(lines(path + ".1st").count == 1000)
            let told = coordinator.process.errorText
            #expect(told.contains("forward.one: removed, forward.two: added"), "\(told.suffix(3000))")

            try coordinator.reconfigure(text: changed.replacingOccurrences(of: "seqno < 10", with: "seqno <"))
            try eventually("the filter is refused", of: coordinator.process) {
                coordinator.process.errorText.contains("forward[2].filter: ")
            }
            let begin = ContinuousClock.now
            coordinator.process.signal(SIGTERM)
            #expect(try coordinator.process.end(within: 30).status == 0, "\(coordinator.process.summary)")
            #expect(ContinuousClock.now - begin < .seconds(15))
            let said = coordinator.process.errorText.split(separator: "\n")
            for name in ["deaf", "gone"] {
                let own = said.filter { $0.contains("forwarder=\(name)") }
                #expect(own.contains { $0.contains("did not take the end of the feed in time") }, "\(own)")
                // It has not read anything.
                if name == "gone" { #expect(!own.contains { $0.contains("the collector takes the feed") }, "\(own)") }
            }
            #expect(said.contains { $0.contains("forwarder=gone") && $0.contains("false ended with 1") })
        }
    }
}
