import ArgumentParser
import ConfigurationFile
import Coordinator
import Feed
import NIOCore
import NIOPosix
import Runtime

/// The sources of `view` and `export`, in any mix: relays and other coordinators, those that several arguments name
/// only once, and stored traces.
struct ViewSources {
    private(set) var relays: [RelaySource] = []
    /// Where the relays and coordinators listen, in their order.
    private(set) var addresses: [SourceAddress] = []
    /// Directories as named.
    private var paths: [String] = []

    /// - Parameter credentials: what is shown to coordinators; nil where the options do not say it.
    /// - Throws: `ValidationError` for an argument that is no source.
    init(_ arguments: [String], start: RelaySource.Start, credentials: ClientCredentials?) throws {
        for text in arguments { try add(text, start: start, credentials) }
    }

    private mutating func add(_ text: String, start: RelaySource.Start, _ credentials: ClientCredentials?) throws {
        let argument: SourceArgument
        do throws(ValueError) {
            argument = try SourceArgument(text)
        } catch {
            throw ValidationError("\(text): \(error)")
        }
        switch argument {
        case .url(.relay(let endpoint, let session)):
            let pattern: SessionPattern =
                session.map { .exactly(host: $0.hostname, session: $0.session) } ?? .glob("*")
            let address = SourceAddress.relay(RelayAddress(host: endpoint.host, port: Int(endpoint.port)))
            if let index = addresses.firstIndex(of: address) {
                relays[index].sessions.append(pattern)
            } else {
                relays.append(RelaySource(name: "\(endpoint)", sessions: [pattern], start: start))
                addresses.append(address)
            }
        case .url(.coordinator(let endpoint)):
            guard let credentials else { throw ValidationError("\(text): needs --ca, --cert and --key") }
            let address = RelayAddress(host: endpoint.host, port: Int(endpoint.port))
            guard !addresses.contains(where: { $0.address == address }) else { return }
            relays.append(RelaySource(name: "\(endpoint)", sessions: [], start: start, isFeed: true))
            addresses.append(.feed(address, credentials))
        case .directory(let path): paths.append(path)
        }
    }

    /// Looks for the stored traces.
    /// - Parameter say: told of all that cannot be looked at.
    func stored(_ say: (String) -> Void) -> TraceDirectory.Found {
        var found = TraceDirectory.Found()
        for path in paths {
            let more = TraceDirectory.find(path)
            found.traces += more.traces
            found.places += more.places
            found.faults += more.faults
            for fault in more.faults { say("\(fault)") }
        }
        return found
    }

    /// Merges them until all have ended, or a signal comes; what is wrong with one goes to standard error.
    /// - Parameters:
    ///   - from: where each begins.
    ///   - stallAfterNs: how long one may hold the others, nanoseconds; nil: for ever.
    ///   - last: done behind the last batch, with how it went.
    /// - Returns: how it went; nil where it was stopped.
    func merge(
        _ stored: TraceDirectory.Found,
        from: FeedTime,
        stallAfterNs: UInt64?,
        lifetime: CoordinatorConfiguration.Lifetime,
        to printing: PrintingLane<FeedBatch>,
        last: @escaping @Sendable (FinishReport?) -> Void
    ) async throws -> FinishReport? {
        let configuration = CoordinatorConfiguration(
            relays: relays,
            stored: stored.traces,
            storedStart: from.storedStart,
            stallAfterNs: stallAfterNs,
            lifetime: lifetime,
            seed: .random(in: 0 ... .max)
        )
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let run = MergeRun(
            configuration: configuration,
            addresses: addresses,
            places: stored.places,
            printing: printing,
            group: group,
            notes: { note in
                guard note.level == .warning || note.level == .error else { return }
                standardError.write(line: note.relay.isEmpty ? note.text : "\(note.relay): \(note.text)")
            }
        )
        try await runUntilSignal([run])
        let report = try await run.result()
        // Printing tells the merge to wait or to stop, as long as something is to be printed.
        await printing.drain { last(report) }
        try await group.shutdownGracefully()
        return report
    }
}
