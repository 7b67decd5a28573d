import ArgumentParser
import CTF
import Coordinator
import Feed
import FeedLog
import SimulatedRelay

/// The path of an event through the coordinator, but for sockets and TLS: from a relay's bytes to stored frames.
///
/// What a simulated relay sends is recorded first, and then given to another coordinator of the same seed, which asks
/// for the same: the relay's own cost is no part of the figure.
struct PathRun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "path",
        abstract: "Takes a simulated relay's bytes through merge, frames and log."
    )

    @Option(help: "Simulated time, milliseconds.")
    var ms = 1000

    @Option(help: "Mean events a second of each of 4 streams of 2 hosts.")
    var rate = 10_000

    func run() throws {
        let hosts = (0..<2).map { number in
            var host = GeneratedHost(hostname: "host-\(number)", seed: UInt64(number) + 1)
            host.liveTimerUs = 100_000
            host.cpuCount = 2
            host.eventsPerSecond = UInt64(rate)
            return host
        }
        var recording = PathRecording(hosts)
        recording.run(untilNs: UInt64(ms) * 1_000_000)
        let inputs = recording.inputs
        var path = try MeasuredPath()
        try measured {
            for input in inputs { try path.take(input) }
            return (path.eventCount, path.packetCount)
        }.printJSON()
        precondition(path.eventCount > 0 && path.eventCount == recording.eventCount)
    }
}

/// What a coordinator is told, by the order of its calls.
private enum PathInput {
    case start
    case connected(relay: Int)
    case received(relay: Int, [UInt8])
    case readCompleted(relay: Int)
    case timer(CoordinatorTimer)
}

extension Coordinator {
    fileprivate static func ofPath() -> Coordinator {
        let source = RelaySource(name: "relay", sessions: [.glob("*")], start: .beginning)
        return Coordinator(
            CoordinatorConfiguration(relays: [source], stallAfterNs: nil, lifetime: .service, seed: 1)
        )
    }

    fileprivate mutating func take(_ input: PathInput, nowNs: UInt64) {
        switch input {
        case .start: start(now: nowNs)
        case .connected(let relay): connected(relay: relay, now: nowNs)
        case .received(let relay, let bytes): bytes.withUnsafeBytes { received(relay: relay, $0, now: nowNs) }
        case .readCompleted(let relay): readCompleted(relay: relay, now: nowNs)
        case .timer(let timer): timerFired(timer, now: nowNs)
        }
    }
}

/// A coordinator and a simulated relay in virtual time, and what the one was told.
private struct PathRecording: ~Copyable {
    private(set) var inputs: [(nowNs: UInt64, input: PathInput)] = []
    private(set) var eventCount = 0
    private var coordinator = Coordinator.ofPath()
    private var relay: SimulatedRelay
    private var connections: [Int: RelayConnectionID] = [:]
    private var timers: [CoordinatorTimer: UInt64] = [:]
    private var nowNs: UInt64 = 0

    init(_ hosts: [GeneratedHost]) {
        relay = SimulatedRelay(hosts: hosts)
    }

    mutating func run(untilNs endNs: UInt64) {
        take(.start)
        while nowNs <= endNs {
            relay.advance(to: nowNs)
            while let (link, bytes) = takeOutput() {
                take(.received(relay: link, bytes))
                take(.readCompleted(relay: link))
            }
            for (timer, atNs) in timers.sorted(by: { $0.value < $1.value }) where atNs <= nowNs {
                timers[timer] = nil
                take(.timer(timer))
            }
            guard !connections.values.contains(where: { relay.hasOutput($0) }) else { continue }
            nowNs = max(nowNs + 1, min(timers.values.min() ?? .max, relay.nextWakeNs ?? .max))
        }
    }

    private mutating func takeOutput() -> (link: Int, bytes: [UInt8])? {
        for (link, connection) in connections.sorted(by: { $0.key < $1.key }) where relay.hasOutput(connection) {
            return (link, relay.takeOutput(connection) { Array($0) })
        }
        return nil
    }

    private mutating func take(_ input: PathInput) {
        inputs.append((nowNs, input))
        coordinator.take(input, nowNs: nowNs)
        var actions = coordinator.takeActions()
        while !actions.isEmpty {
            for action in actions { run(action) }
            actions = coordinator.takeActions()
        }
    }

    private mutating func run(_ action: CoordinatorAction) {
        switch action {
        case .connect(let link, _, _):
            connections[link] = relay.connected(from: UInt16(1000 + link), nowNs: nowNs)
            take(.connected(relay: link))
        case .send(let link):
            let bytes = coordinator.takeOutput(relay: link) { Array($0) }
            guard let connection = connections[link] else { return }
            bytes.withUnsafeBytes { relay.received($0, on: connection, nowNs: nowNs) }
        case .schedule(let timer, let atNs): timers[timer] = max(atNs, nowNs)
        case .publish(let batch):
            for case .events(let group) in batch.records { eventCount += group.eventCount }
        case .subscribe, .setReading, .close, .abort, .read, .note, .finished: break
        }
    }
}

/// What is measured.
private struct MeasuredPath: ~Copyable {
    private(set) var eventCount = 0
    /// Packets of which the feed has events.
    private(set) var packetCount = 0
    private var coordinator = Coordinator.ofPath()
    private var encoder: FrameEncoder
    private var log: SegmentedLog

    init() throws {
        let feed = FeedIdentity(id: FeedID(high: 1, low: 2))
        encoder = FrameEncoder(feed: feed)
        var recovery = LogRecovery()
        log = try SegmentedLog.open(
            NoStorage(),
            limits: SegmentedLog.Limits(),
            newFeed: feed,
            nowNs: 0,
            recovery: &recovery
        )
    }

    /// Never inlined, so that its name tells callgrind what to count.
    @inline(never)
    mutating func take(_ input: (nowNs: UInt64, input: PathInput)) throws {
        coordinator.take(input.input, nowNs: input.nowNs)
        var actions = coordinator.takeActions()
        while !actions.isEmpty {
            for action in actions {
                switch action {
                case .publish(let batch): try store(batch, nowNs: Int64(input.nowNs))
                case .send(let link): coordinator.takeOutput(relay: link) { _ in }
                case .connect, .subscribe, .setReading, .close, .abort, .read, .schedule, .note, .finished: break
                }
            }
            actions = coordinator.takeActions()
        }
    }

    private mutating func store(_ batch: FeedBatch, nowNs: Int64) throws {
        for case .events(let group) in batch.records {
            eventCount += group.eventCount
            for slice in group.slices where slice.opensPacket { packetCount += 1 }
        }
        try log.append(try encoder.encode(batch), nowNs: nowNs)
    }
}

/// A disk that takes everything and keeps nothing.
private final class NoStorage: LogStorage {
    func files() throws(StorageError) -> [String: UInt64] { [:] }
    func append(_ pieces: [ByteStorage], to name: String) throws(StorageError) {}
    func read(_ name: String, at offset: UInt64, count: Int) throws(StorageError) -> ByteStorage {
        throw StorageError(.missing, name)
    }
    func truncate(_ name: String, to byteCount: UInt64) throws(StorageError) {}
    func remove(_ name: String) throws(StorageError) {}
    func sync(_ name: String) throws(StorageError) {}
    func replace(_ name: String, with pieces: [ByteStorage]) throws(StorageError) {}
    func close(isWhole: Bool) {}
}
