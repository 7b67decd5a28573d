import ArgumentParser
import ConfigurationFile
import Feed
import Forwarding
import Glibc
import NIOCore
import NIOPosix
import Rendering
import Runtime
import Synchronization

/// `tidemark top`: who is how busy.
struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Show who is how busy in a coordinator's feed: relays, or the sessions of one.",
        discussion: """
            On a terminal a table that is drawn again and again: \(TopKeys.help). Elsewhere its lines, each interval \
            anew. Events, late ones and losses are counted from the start of this command on. \
            quiet: since the last event; lost: events, packets (p), and losses of unknown size (?).
            """
    )

    @OptionGroup var connection: ConnectionOptionsGroup

    @Option(help: "Seconds between two tables.")
    var interval: Double = 1

    @Option(help: "name, state, rate, events, late, lost or quiet.")
    private var sort: SortColumn = .rate

    @Flag(help: "Sort the other way round.")
    var reverse = false

    @Option(help: "Only rows whose name has this in it.")
    var filter: String = ""

    @Option(help: "The sessions of this relay instead of relays.")
    var relay: String?

    @Option(help: "The address of the coordinator's HTTP, as 127.0.0.1:7480: shows its forwarders as well.")
    var http: String?

    @Option(help: "End after so many tables.")
    var count: Int?

    func validate() throws {
        guard (0.05...3600).contains(interval) else { throw ValidationError("--interval: 0.05 to 3600 seconds") }
        _ = try httpEndpoint()
        guard count ?? 1 > 0 else { throw ValidationError("--count: at least 1") }
    }

    private func httpEndpoint() throws -> NetworkEndpoint? {
        guard let http else { return nil }
        do throws(ValueError) {
            return try NetworkEndpoint(listening: http)
        } catch {
            throw ValidationError("--http: \(error)")
        }
    }

    func run() async throws {
        let (address, tls) = try connection.open(command: "top")
        var view = TopTable.View()
        (view.sort, view.isReversed, view.filter, view.relay) = (sort.column, reverse, filter, relay)
        let terminal = Terminal()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let forwarders = try httpEndpoint().map { ForwarderWatch($0, on: group.next()) }
        let display = TopDisplay(
            view: view,
            terminal: terminal,
            interval: interval,
            count: count,
            forwarders: forwarders
        )
        let feed = PrintingLane<ReceivedFrame> { frame in
            display.take(frame.batch)
            return .goOn
        }
        let run = TailRun(
            address: address,
            tls: tls,
            start: .latest,
            // Whoever cannot keep up sees what is now, and how much was missed.
            overflow: .skip,
            reconnects: true,
            group: group,
            printing: feed,
            say: { display.say("tidemark top: \($0)") }
        )
        let pool = NIOThreadPool(numberOfThreads: 1)
        pool.start()
        async let shown: Void = pool.runIfActive {
            display.run()
            run.stop()
        }
        do {
            try await runUntilSignal([run])
        } catch {
            display.stop()
            try? await shown
            throw error
        }
        display.stop()
        try? await shown
        await feed.drain {}
        try await pool.shutdownGracefully()
        try await group.shutdownGracefully()
        try connection.finish(run.outcome, command: "top")
    }
}

/// What `--sort` takes.
private enum SortColumn: String, CaseIterable, ExpressibleByArgument {
    case name, state, rate, events, late, lost, quiet

    var column: TopTable.Column {
        switch self {
        case .name: .name
        case .state: .state
        case .rate: .rate
        case .events: .events
        case .late: .late
        case .lost: .lost
        case .quiet: .quiet
        }
    }
}

/// Shows the table each interval, and does what keys say, on a thread of its own.
private final class TopDisplay: Sendable {
    private struct State {
        var table = TopTable()
        /// Whether anything has come of the feed.
        var hasBegun = false
        var isStopped = false
        /// Said last, while there is no connection.
        var notice = ""
    }

    private let terminal: Terminal?
    private let view: TopTable.View
    private let interval: Double
    private let count: Int?
    /// Nil: forwarders are not shown.
    private let forwarders: ForwarderWatch?
    private let state = Mutex(State())

    init(view: TopTable.View, terminal: Terminal?, interval: Double, count: Int?, forwarders: ForwarderWatch?) {
        self.forwarders = forwarders
        self.view = view
        self.terminal = terminal
        self.interval = interval
        self.count = count
    }

    func take(_ batch: FeedBatch) {
        state.withLock { state in
            state.table.take(batch)
            state.hasBegun = true
            state.notice = ""
        }
    }

    func say(_ text: String) {
        guard terminal == nil else { return state.withLock { $0.notice = printable(text) } }
        standardError.write(line: text)
    }

    func stop() { state.withLock { $0.isStopped = true } }

    /// Returns when it is stopped, all tables are shown, or the user quits.
    func run() {
        defer { terminal?.restore() }
        var keys = TopKeys(view)
        var next = NIODeadline.now()
        var shown = 0
        let file = OutputFile.standardOutput()
        while !state.withLock({ $0.isStopped }), shown < count ?? .max {
            let now = NIODeadline.now()
            // Lines that say nothing are not printed: a terminal shows what is being tried.
            let isDue = now >= next && (terminal != nil || state.withLock { $0.hasBegun })
            if isDue {
                next = now + .nanoseconds(Int64(interval * 1e9))
                shown += 1
                forwarders?.look()
            }
            let view = keys.view
            let width = terminal?.size.width ?? Self.plainWidth
            let (lines, names, notice) = state.withLock { state in
                if isDue { state.table.tick(nowNs: now.uptimeNanoseconds) }
                let rows = state.table.rows(view)
                return (
                    state.table.lines(view, rows, nowNs: WallClock.nowNs, width: width), rows.map(\.name), state.notice
                )
            }
            let others = forwarders?.lines(width: width) ?? []
            let pause = Int32(clamping: min(max((next - .now()).nanoseconds / 1_000_000, 1), 100))
            if let terminal {
                draw(lines, others, notice, keys, on: terminal)
                guard let pressed = terminal.keys(withinMs: pause), keys.pressed(pressed, names: names) == .goOn else {
                    return
                }
            } else {
                let tables = others.isEmpty ? lines : lines + others
                let text = Array((tables.joined(separator: "\n") + "\n\n").utf8)
                guard !isDue || text.withUnsafeBytes({ file.write($0) }) else { return }
                usleep(UInt32(pause) * 1000)
            }
        }
    }

    /// Columns where there is no terminal.
    private static let plainWidth = 200

    private func draw(
        _ table: [String],
        _ others: [String],
        _ notice: String,
        _ keys: TopKeys,
        on terminal: Terminal
    ) {
        let (width, height) = terminal.size
        // Two lines of titles, and one at the bottom; what is marked stays in sight.
        let others = Array(others.prefix(max(height / 2, 0)))
        let room = max(height - 3 - others.count, 1)
        let first = max(keys.marked - room + 1, 0)
        var lines = Array(table.prefix(2) + table.dropFirst(2 + first).prefix(room))
        lines += Array(repeating: "", count: max(height - 1 - others.count - lines.count, 0)) + others
        let bottom = keys.isTyping ? "filter: \(keys.view.filter)_" : notice.isEmpty ? TopKeys.help : notice
        terminal.draw(lines + [String(bottom.prefix(width))], marked: 2 + keys.marked - first)
    }
}
