import ArgumentParser
import ConfigurationFile
import Coordinator
import Runtime

/// The sources of `view`, in any mix: relays, those that several arguments name only once, and stored traces.
struct ViewSources {
    private(set) var relays: [RelaySource] = []
    /// Where the relays listen, in their order.
    private(set) var addresses: [RelayAddress] = []
    /// Directories as named.
    private var paths: [String] = []

    /// - Throws: `ValidationError` for an argument that is no source.
    init(_ arguments: [String], start: RelaySource.Start) throws {
        for text in arguments { try add(text, start: start) }
    }

    private mutating func add(_ text: String, start: RelaySource.Start) throws {
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
            let address = RelayAddress(host: endpoint.host, port: Int(endpoint.port))
            if let index = addresses.firstIndex(of: address) {
                relays[index].sessions.append(pattern)
            } else {
                relays.append(RelaySource(name: "\(endpoint)", sessions: [pattern], start: start))
                addresses.append(address)
            }
        case .url(.coordinator): throw ValidationError("\(text): tls:// sources are not available in this version")
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
