import Feed
import Foundation
import Glibc
import NIOPosix
import Testing

@testable import Runtime

/// What `tail --state` and `--output` keep.
@Suite(.timeLimit(.minutes(1)))
struct ResumeStateTests {
    private static let token = ResumeToken(
        feed: FeedIdentity(id: FeedID(high: 1, low: 2)),
        sequence: 3,
        watermarkNs: 4
    ).text

    @Test
    func `a state is read back as it was saved`() throws {
        let directory = try TemporaryDirectory()
        let file = directory.file("state")
        #expect(try ResumeState.load(file) == nil)
        for bytes in [nil, 0, 17, UInt64.max] {
            let state = ResumeState(token: Self.token, outputBytes: bytes)
            try state.save(file)
            #expect(try ResumeState.load(file) == state)
        }
        try ResumeState.checkWritable(file)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["state"])
    }

    @Test
    func `no part of a state is taken for one, nor one with a byte changed`() throws {
        let directory = try TemporaryDirectory()
        let file = directory.file("state")
        let text = ResumeState(token: Self.token, outputBytes: 17).text
        let withoutLength = ResumeState(token: Self.token, outputBytes: nil)
        for count in 0..<text.utf8.count {
            try Data(text.utf8.prefix(count)).write(to: URL(fileURLWithPath: file))
            guard let state = try? ResumeState.load(file) else { continue }
            // The first two lines alone are a state, that of a tail without an output file.
            #expect(state == withoutLength && count == withoutLength.text.utf8.count)
        }
        let lengthStart = withoutLength.text.utf8.count + "output-bytes ".utf8.count
        for index in 0..<lengthStart {
            var bytes = Array(text.utf8)
            bytes[index] ^= 0x10
            try Data(bytes).write(to: URL(fileURLWithPath: file))
            #expect(throws: FileError.self) { try ResumeState.load(file) }
        }
    }

    @Test
    func `a state that cannot be used names its file`() throws {
        let directory = try TemporaryDirectory()
        try Data(repeating: 0x41, count: 10_000).write(to: URL(fileURLWithPath: directory.file("long")))
        for file in [directory.file("long"), directory.path] {
            let error = #expect(throws: FileError.self) { try ResumeState.load(file) }
            #expect(error?.path == file)
        }
        #expect(throws: FileError.self) { try ResumeState.checkWritable(directory.file("no/state")) }
    }

    // MARK: Exactly once

    /// Runs a tail from the files until frame `last` has been printed.
    /// - Returns: each state that was saved, in order.
    private func run(_ feed: HandFedFeed, _ directory: TemporaryDirectory, last: UInt64) async throws -> [ResumeState] {
        let file = directory.file("state")
        let saved = try ResumeState.load(file)
        let output = try OutputFile(appendingTo: directory.file("output"), saved: saved)
        let keeper = StateKeeper(file: file, output: output, interval: .zero)
        let states = Recorder<[ResumeState]>([])
        let printing = PrintingLane<ReceivedFrame> { frame in
            guard !frame.isCheckpoint else { return .goOn }
            let text = Self.text(frame.batch.numbers)
            guard Array(text.utf8).withUnsafeBytes({ output.write($0) }), keeper.printed(frame.token) else {
                return .stop
            }
            if let state = try? ResumeState.load(file) {
                states.update { if $0.last != state { $0.append(state) } }
            }
            return frame.batch.sequence >= last ? .stop : .goOn
        }
        let tail = TailRun(
            address: feed.address,
            tls: try feed.identities.clientContext(),
            start: saved.flatMap { ResumeToken(text: $0.token) }.map { .token($0) } ?? .earliest,
            reconnects: false,
            group: MultiThreadedEventLoopGroup.singleton,
            printing: printing,
            say: { _ in }
        )
        try await tail.run()
        await printing.drain { keeper.save() }
        #expect(tail.outcome == .done)
        #expect(keeper.fault == nil)
        #expect(output.fault == nil)
        return states.seen
    }

    private static func text(_ numbers: [UInt64]) -> String { numbers.map { "event \($0)\n" }.joined() }

    @Test
    func `whatever was killed, each event is in the file once`() async throws {
        let feed = try await HandFedFeed()
        let last: UInt64 = 60
        feed.publish(1...last)
        let directory = try TemporaryDirectory()
        let states = try await run(feed, directory, last: last)
        let output = URL(fileURLWithPath: directory.file("output"))
        let expected = Array(Self.text(Array(1...last)).utf8)
        #expect(Array(try Data(contentsOf: output)) == expected)
        #expect(states.count == Int(last) / 3)
        // Killed with the state of frame n saved, and anything behind it written, up to the middle of a line.
        for (number, state) in states.enumerated().filter({ $0.offset % 3 == 0 }) {
            let kept = try #require(state.outputBytes)
            let written = min(Int(kept) + number * 11 % 100, expected.count)
            try Data(expected[..<written]).write(to: output)
            try state.save(directory.file("state"))
            _ = try await run(feed, directory, last: last)
            #expect(Array(try Data(contentsOf: output)) == expected)
        }
        try await feed.stop()
    }

    @Test
    func `an output that is shorter than its state says is left alone`() throws {
        let directory = try TemporaryDirectory()
        let file = directory.file("output")
        try Data("12345".utf8).write(to: URL(fileURLWithPath: file))
        let state = ResumeState(token: Self.token, outputBytes: 6)
        #expect(throws: FileError.self) { _ = try OutputFile(appendingTo: file, saved: state) }
        #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == Data("12345".utf8))
    }

    @Test
    func `a reader that has gone is no fault, a full disk is`() throws {
        signal(SIGPIPE, SIG_IGN)
        let directory = try TemporaryDirectory()
        let path = directory.file("fifo")
        #expect(mkfifo(path, 0o600) == 0)
        let reader = open(path, O_RDONLY | O_NONBLOCK)
        let gone = try OutputFile(appendingTo: path, saved: nil)
        close(reader)
        #expect(!Array("x".utf8).withUnsafeBytes { gone.write($0) })
        #expect(gone.isReaderGone && gone.fault == nil)
        let full = try OutputFile(appendingTo: "/dev/full", saved: nil)
        #expect(!Array("x".utf8).withUnsafeBytes { full.write($0) })
        #expect(full.fault?.description == "/dev/full: cannot be written: No space left on device")
    }
}
