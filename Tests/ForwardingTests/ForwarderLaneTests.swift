import ConfigurationFile
import Feed
import FeedLog
import Foundation
import Glibc
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import Forwarding
@testable import Runtime

/// A forwarder between a feed and its sink.
@Suite(.timeLimit(.minutes(1)))
struct ForwarderLaneTests {
    /// Keeps what it is given.
    private final class RecordingSink: ForwarderSink {
        let frames: Kept<[(epoch: UInt64, sequence: UInt64)]>
        private weak var lane: ForwarderLane?

        init(_ frames: Kept<[(epoch: UInt64, sequence: UInt64)]>) { self.frames = frames }

        func begin(isResumed: Bool, _ lane: ForwarderLane) { self.lane = lane }
        var hasRoom: Bool { true }

        func take(_ new: [ForwardedFrame]) {
            let news = new.filter { !$0.isCheckpoint }.map { ($0.epoch, $0.batch.sequence) }
            frames.value.withLock { $0 += news }
        }

        func finish() { lane?.ended() }

        func stop() -> EventLoopFuture<Void> {
            lane?.loop.makeSucceededVoidFuture()
                ?? MultiThreadedEventLoopGroup.singleton.next().makeSucceededVoidFuture()
        }
    }

    private final class Kept<Value: Sendable>: Sendable {
        let value: Mutex<Value>
        init(_ value: sending Value) { self.value = Mutex(value) }
    }

    /// Keeps what is said.
    private struct KeepingLog: LogHandler {
        let lines: Kept<[String]>
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info

        func log(event: LogEvent) { lines.value.withLock { $0.append("\(event.message)") } }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
    }

    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("tidemark-lane-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    private func end() { try? FileManager.default.removeItem(at: folder) }

    private func hub() throws -> FeedHub {
        let stored = try StoredFeed.open(.init(directory: folder.path + "/log"), logger: Self.logger)
        return FeedHub(
            loop: MultiThreadedEventLoopGroup.singleton.next(),
            stored: stored,
            limits: SubscriberLimits(),
            logger: Self.logger
        )
    }

    private func publish(_ count: Int, in hub: FeedHub) {
        for number in 0..<count {
            let change = RelayStateChange(relay: "a", state: .active, reason: "\(number)")
            // Not each has a token that would say the life it is of.
            hub.publish(FeedBatch(records: [.relay(change)], watermarkNs: number % 3 == 0 ? Int64(number) : nil))
        }
    }

    /// Forwards all that a feed has which has ended.
    private func run(
        _ hub: FeedHub,
        _ configuration: Configuration.Forwarder,
        _ sink: (any EventLoop) -> any ForwarderSink
    ) async {
        let lane = ForwarderLane(
            configuration,
            follower: FeedFollower(hub: hub, name: configuration.name),
            logger: Self.logger
        ) { _, loop, _ in sink(loop) }
        lane.start()
        await lane.finish(within: .seconds(50))
    }

    @Test
    func `a frame is of the life in which it was written, also when it is sent in a later one`() async throws {
        defer { end() }
        let first = try hub()
        publish(6, in: first)
        try await first.endFollowers().get()
        try await first.drain().get()
        await first.close()
        // The last frame is torn.
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/log")
        let segment = try #require(names.filter { $0.hasSuffix(".segment") }.max())
        let file = folder.path + "/log/" + segment
        let bytes = try #require(FileManager.default.attributesOfItem(atPath: file)[.size] as? Int)
        #expect(truncate(file, bytes - 3) == 0)

        let second = try hub()
        #expect(second.feed.epoch == 2)
        publish(4, in: second)
        try await second.endFollowers().get()
        let kept = Kept<[(epoch: UInt64, sequence: UInt64)]>([])
        await run(second, .init(name: "f", collector: .file(.init(path: "")))) { _ in RecordingSink(kept) }
        let frames = kept.value.withLock { $0 }
        #expect(frames.map(\.sequence) == Array(1...9))
        #expect(frames.map(\.epoch) == [1, 1, 1, 1, 1, 2, 2, 2, 2])
        try await second.drain().get()
        await second.close()
    }

    @Test
    func `a file without its state is written anew from the log's beginning, wherever the cursor is`() async throws {
        defer { end() }
        let hub = try hub()
        publish(7, in: hub)
        try await hub.endFollowers().get()
        let path = folder.path + "/events"
        // A watermark is said again wherever something begins.
        func lines() -> [Substring] {
            let text = String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
            return text.split(separator: "\n").filter { !$0.contains("watermark") }
        }
        let said = Kept<[String]>([])
        func warnings() -> Int {
            said.value.withLock { $0.count { $0.hasPrefix("there is no state beside the file") } }
        }
        let logger = Logger(label: "test") { _ in KeepingLog(lines: said) }
        let collector = Configuration.FileCollector(path: path, includesControlRecords: true)
        func forward(from start: Configuration.Start = .beginning) async {
            await run(hub, .init(name: "f", collector: .file(collector), from: start)) {
                FileSink(collector, loop: $0, logger: logger)
            }
        }
        await forward()
        let whole = lines()
        #expect(whole.count == 7)
        // With it, it goes on where it was.
        await forward()
        #expect(lines() == whole)
        #expect(warnings() == 0)
        try FileManager.default.removeItem(atPath: path + ".state")
        await forward()
        #expect(lines() == whole + whole)
        #expect(warnings() == 1)
        // Begun with what was to come: then the cursor is all that tells what it should have.
        try FileManager.default.removeItem(atPath: path + ".state")
        await forward(from: .now)
        #expect(lines() == whole + whole)
        try await hub.drain().get()
        await hub.close()
    }
}
