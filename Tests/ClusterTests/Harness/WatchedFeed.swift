import Foundation
import Testing

/// A coordinator on all hosts of a cluster, with two subscribers that see the feed from its beginning: one prints text,
/// which must equal babeltrace2's, the other JSON lines with every control record, which tell lateness and loss.
final class WatchedFeed {
    let coordinator: Coordinator
    let text: ChildProcess
    let json: ChildProcess

    convenience init(_ cluster: Cluster, options: Coordinator.Options = .init()) throws {
        try self.init(Coordinator(cluster, options: options))
    }

    init(_ coordinator: Coordinator) throws {
        self.coordinator = coordinator
        text = try coordinator.tail()
        json = try coordinator.tail(["--from", "earliest", "--format", "json", "--all"])
    }

    /// Waits until as many events are in both outputs.
    func await(events count: Int, within seconds: Double = 60) throws {
        try eventually("\(count) events as text", of: text, and: coordinator.process, within: seconds) {
            text.outputLines >= count
        }
        try eventually("\(count) events as JSON", of: json, and: coordinator.process) {
            soFar().events.count >= count
        }
    }

    /// Waits until every session of these relays that was seen has ended.
    func awaitEnd(of session: String, on hosts: [Host], within seconds: Double = 60) throws {
        try eventually("the end of \(session)", of: json, and: coordinator.process, within: seconds) {
            let feed = soFar()
            return hosts.allSatisfy { feed.states(ofSession: session, relay: $0.name).last == "ended" }
        }
    }

    /// What the feed holds so far.
    func soFar() -> FeedJSON {
        let output = json.output
        // The last line may be half written.
        return FeedJSON(output.lastIndex(of: 10).map { output[...$0] } ?? Data())
    }

    /// Ends the subscribers and the coordinator; both outputs must be in order and hold the same events.
    func end(sourceLocation: SourceLocation = #_sourceLocation) throws -> FeedJSON {
        for process in [text, json, coordinator.process] {
            #expect(try process.terminate().status == 0, "\(process.summary)", sourceLocation: sourceLocation)
        }
        let feed = FeedJSON(json.output)
        #expect(feed.problems == [], sourceLocation: sourceLocation)
        #expect(feed.events.count == text.output.lineCount, sourceLocation: sourceLocation)
        return feed
    }

    /// As `end`, and nothing may be lost: the text must equal what babeltrace2 prints of the stored traces.
    @discardableResult
    func endWhole(_ cluster: Cluster, sourceLocation: SourceLocation = #_sourceLocation) throws -> FeedJSON {
        let feed = try end(sourceLocation: sourceLocation)
        #expect(feed.losses.map { "\($0)" } == [], sourceLocation: sourceLocation)
        try expectSameLines(text.output, Babeltrace.text(cluster.traces), sourceLocation: sourceLocation)
        return feed
    }
}
