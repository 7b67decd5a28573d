import ArgumentParser
import Glibc

/// Subscribers that are cheap: they decrypt, count events, and forget.
struct Subscribers: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "subscribe",
        abstract: "Read a coordinator's feed by many connections of one thread.",
        discussion: """
            Prints `ready` when all are let in, and one JSON object when each has had all events. Without --events it \
            reads until standard input ends.
            """
    )

    @Argument(help: "The coordinator's port on loopback.")
    var port: UInt16

    @Option(help: "Our certificate (PEM).")
    var cert: String

    @Option(help: "Its key (PEM).")
    var key: String

    @Option(help: "How many connections.")
    var connections = 1

    @Option(help: "How many events each is to get.")
    var events: Int?

    @Flag(help: "Events as typed values instead of raw.")
    var decoded = false

    @Flag(help: "Tell how long after the end of its packet each event came; the traces' clock is the monotonic one.")
    var latency = false

    func validate() throws {
        guard connections > 0, !(latency && decoded) else { throw ValidationError("a connection; latency of raw ones") }
    }

    func run() throws {
        let subscribers = try (0..<connections).map { _ in
            try Subscriber(
                BareConnection(port: port, certificate: cert, key: key),
                isDecoded: decoded,
                notesPackets: latency
            )
        }
        for subscriber in subscribers { try subscriber.awaitWelcome() }
        print("ready")
        fflush(nil)
        var progress = Progress(events: events ?? .max)
        try serve(subscribers) { subscriber, count in
            let now = Clock.monotonic.ns
            if subscriber === subscribers[0] { progress.note(subscriber.scan.events, at: now) }
            for (end, count) in subscriber.takeParts() {
                progress.note(latencyNs: Int64(bitPattern: now &- end), events: count)
            }
        }
        let first = subscribers[0].scan
        print(
            #"{"events":\#(first.events),"frames":\#(first.frames),"bytes":\#(first.bytes),"#
                + #""bytes_of_all":\#(subscribers.reduce(0) { $0 + $1.scan.bytes }),\#(progress.json)}"#
        )
    }

    /// Reads all connections until each has what it is to get.
    private func serve(_ subscribers: [Subscriber], _ note: (Subscriber, Int) -> Void) throws {
        var waiting = subscribers.map { pollfd(fd: $0.connection.descriptor, events: Int16(POLLIN), revents: 0) }
        if events == nil { waiting.append(pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)) }
        var open = subscribers.count
        // What came with the answers has been read already.
        for index in subscribers.indices where isDone(subscribers[index]) {
            waiting[index].fd = -1
            open -= 1
        }
        while open > 0 {
            poll(&waiting, nfds_t(waiting.count), -1)
            if events == nil, waiting[subscribers.count].revents != 0 { return }
            for index in subscribers.indices where waiting[index].revents != 0 {
                let subscriber = subscribers[index]
                try subscriber.read { note(subscriber, $0) }
                guard isDone(subscriber) else { continue }
                waiting[index].fd = -1
                open -= 1
            }
        }
    }

    private func isDone(_ subscriber: Subscriber) -> Bool { subscriber.scan.events >= events ?? .max }
}

/// One connection.
private final class Subscriber {
    let connection: BareConnection
    private(set) var scan: FrameScan
    private var buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
    private var filled = 0

    /// Subscribes, from the feed's beginning on.
    init(_ connection: BareConnection, isDecoded: Bool, notesPackets: Bool) throws {
        self.connection = connection
        scan = FrameScan(notesPackets: notesPackets)
        // protocol_version 1, earliest, encoding.
        let request: [UInt8] = [0x08, 1, 0x10, 1, 0x30, isDecoded ? 1 : 0]
        try ([0, 0, 0, UInt8(request.count)] + request).withUnsafeBytes { try connection.write($0) }
    }

    deinit { buffer.deallocate() }

    func awaitWelcome() throws {
        while !scan.isWelcomed { _ = try readOnce() }
        connection.makeNonBlocking()
    }

    /// Reads what there is; calls `note` with the events of each read.
    func read(_ note: (Int) -> Void) throws {
        while true {
            let before = scan.events
            guard try readOnce() else { return }
            if scan.events > before { note(scan.events - before) }
        }
    }

    func takeParts() -> [(endCycles: UInt64, events: Int)] { scan.takeParts() }

    private func readOnce() throws -> Bool {
        switch connection.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])) {
        case .nothing: return false
        case .closed: throw MeterError("the coordinator has closed the connection")
        case .bytes(let count): filled += count
        }
        var start = 0
        while filled - start >= 4 {
            let length = Int(UInt32(bigEndian: buffer.loadUnaligned(fromByteOffset: start, as: UInt32.self)))
            guard filled - start >= 4 + length else {
                if 4 + length > buffer.count { grow(to: 4 + length) }
                break
            }
            try scan.take(UnsafeRawBufferPointer(rebasing: buffer[(start + 4)..<(start + 4 + length)]))
            start += 4 + length
        }
        if start > 0 {
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[start..<filled]))
            filled -= start
        }
        return true
    }

    private func grow(to count: Int) {
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: count * 2, alignment: 16)
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[..<filled]))
        buffer.deallocate()
        buffer = larger
    }
}

/// When events came.
private struct Progress {
    private let wanted: Int
    private var firstNs: UInt64 = 0
    private var lastNs: UInt64 = 0
    /// Where a tenth and nine tenths of the events were reached: how many, and when.
    private var tenth: (events: Int, ns: UInt64)?
    private var ninth: (events: Int, ns: UInt64)?
    private var latencies: [(ns: Int64, events: Int)] = []

    init(events: Int) {
        wanted = events
    }

    mutating func note(_ events: Int, at now: UInt64) {
        if firstNs == 0 { firstNs = now }
        lastNs = now
        if tenth == nil, events >= wanted / 10 { tenth = (events, now) }
        if ninth == nil, events >= wanted / 10 * 9 { ninth = (events, now) }
    }

    mutating func note(latencyNs: Int64, events: Int) { latencies.append((latencyNs, events)) }

    /// Members of a JSON object.
    var json: String {
        var text = #""first_ns":\#(firstNs),"last_ns":\#(lastNs)"#
        if let tenth, let ninth, ninth.ns > tenth.ns {
            text += #","middle_events":\#(ninth.events - tenth.events),"middle_ns":\#(ninth.ns - tenth.ns)"#
        }
        guard !latencies.isEmpty else { return text }
        let sorted = latencies.sorted { $0.ns < $1.ns }
        let total = sorted.reduce(0) { $0 + $1.events }
        let shares = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)].map { name, share in
            var seen = 0
            let found = sorted.first { part in
                seen += part.events
                return Double(seen) >= Double(total) * share
            }
            return #""\#(name)":\#(found?.ns ?? 0)"#
        }
        return text + #","latency_ns":{\#(shares.joined(separator: ","))}"#
    }
}
