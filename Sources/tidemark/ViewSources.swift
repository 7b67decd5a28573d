import ArgumentParser
import ConfigurationFile
import Coordinator
import Runtime

/// The sources of `view`, in any mix: relays and other coordinators, those that several arguments name only once, and
/// stored traces.
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
}
