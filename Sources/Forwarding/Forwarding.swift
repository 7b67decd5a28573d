package import ConfigurationFile
package import Logging
package import NIOCore
package import Runtime
import Synchronization

/// The forwarders of a daemon: begun with its feed, changed with its configuration, ended with its end.
package final class Forwarding: FeedForwarding {
    /// From the feed's end until each has sent what is left.
    private static let finishTime = TimeAmount.seconds(8)

    private struct State {
        var source: FeedSource?
        var lanes: [ForwarderLane] = []
        /// Ends of lanes that were replaced: the next of their names wait for them.
        var ending: Task<Void, Never>?
        var isOver = false
    }

    private let logger: Logger
    private let state = Mutex(State())

    package init(logger: Logger) {
        self.logger = logger
    }

    package func check(_ forward: [Configuration.Forwarder], file: String) throws(CredentialsError) {
        let problems = ForwarderChecks.problems(of: forward, file: file)
        guard problems.isEmpty else { throw CredentialsError(problems: problems) }
    }

    package func begin(_ forward: [Configuration.Forwarder], _ source: FeedSource) {
        state.withLock { state in
            state.source = source
            state.lanes = forward.map { lane($0, source) }
            for lane in state.lanes { lane.start() }
        }
    }

    package func replace(_ forward: [Configuration.Forwarder]) {
        state.withLock { state in
            guard let source = state.source, !state.isOver else { return }
            let kept = state.lanes.filter { forward.contains($0.configuration) }
            let gone = state.lanes.filter { !forward.contains($0.configuration) }
            for lane in kept { lane.renewCredentials() }
            let new = forward.filter { wanted in !kept.contains { $0.configuration == wanted } }
                .map { lane($0, source) }
            state.lanes = kept + new
            let before = state.ending
            // Two of one name do not write to the same file at once.
            state.ending = Task {
                await before?.value
                for lane in gone { await lane.stop() }
                for lane in new { lane.start() }
            }
        }
    }

    package func snapshots(on loop: any EventLoop) -> EventLoopFuture<[ForwarderSnapshot]> {
        let lanes = state.withLock { $0.lanes }
        return EventLoopFuture.whenAllSucceed(lanes.map { $0.snapshot(on: loop) }, on: loop)
    }

    package func finish() async {
        let (lanes, ending) = state.withLock { state in
            state.isOver = true
            return (state.lanes, state.ending)
        }
        await ending?.value
        await withTaskGroup { group in
            for lane in lanes {
                group.addTask { await lane.finish(within: Self.finishTime) }
            }
        }
    }

    private func lane(_ forwarder: Configuration.Forwarder, _ source: FeedSource) -> ForwarderLane {
        ForwarderLane(
            forwarder,
            follower: source.follower(name: forwarder.name),
            logger: logger,
            sink: Self.sink
        )
    }

    private static func sink(
        _ forwarder: Configuration.Forwarder,
        _ loop: any EventLoop,
        _ logger: Logger
    ) -> any ForwarderSink {
        switch forwarder.collector {
        case .file(let collector): FileSink(collector, loop: loop, logger: logger)
        case .exec(let collector): ProgramSink(collector, loop: loop, logger: logger)
        case .otlp(let collector): OTLPSink(collector, loop: loop, logger: logger)
        case .syslog(let collector): SyslogSink(collector, loop: loop, logger: logger)
        }
    }
}
