import COTLPSchema
import CProtobufC
import CTF
import ConfigurationFile
import Feed

/// Makes requests of frames: a resource for each host, a scope for each trace of it, a record for each event.
///
/// Messages stand in an arena until the batch is full, and are packed then, once. Without I/O.
final class LogBatchBuilder {
    private struct ResourceKey: Hashable {
        var relay: String
        var host: String
    }

    private struct ScopeKey: Hashable {
        var resource: ResourceKey
        var traceID: UInt64
    }

    private final class ScopeRecords {
        let message: UnsafeMutablePointer<Tidemark__Otlp__ScopeLogs>
        var records: [UnsafeMutablePointer<Tidemark__Otlp__LogRecord>] = []

        init(_ message: UnsafeMutablePointer<Tidemark__Otlp__ScopeLogs>) { self.message = message }
    }

    private var limits: Configuration.OTLPCollector.Batch
    private let feed: FeedID
    /// Batches do not shrink below that.
    private static let leastBytes = 16 << 10
    private let bytesWanted: Int
    private let arena = MessageArena()
    private var writer: AttributeWriter
    private var programs = ProgramKeysCache()
    private var resources: [(key: ResourceKey, scopes: [ScopeKey])] = []
    private var scopes: [ScopeKey: ScopeRecords] = [:]
    private var byteCount = 0
    private var progress = TextQueue.Progress()
    /// Events that could not be decoded, or are too large.
    private(set) var damagedEvents: UInt64 = 0

    init(_ limits: Configuration.OTLPCollector.Batch, feed: FeedID) {
        self.limits = limits
        bytesWanted = limits.bytes
        self.feed = feed
        writer = AttributeWriter(arena)
    }

    /// What the messages that are in the making take, bytes.
    var memoryBytes: Int { arena.byteCount }

    /// Whether nothing waits to be closed.
    var isEmpty: Bool { progress.events == 0 }

    /// The collector does not take batches of so many bytes: later ones have at most half of that.
    func shrink(below bytes: Int) {
        limits.bytes = min(limits.bytes, max(bytes / 2, Self.leastBytes))
    }

    /// A batch was taken as it was: later ones may be a little larger again, up to what was asked for.
    func grow() {
        limits.bytes = min(limits.bytes + limits.bytes / 16, bytesWanted)
    }

    /// Takes a frame's events.
    /// - Parameters:
    ///   - observedNs: now, nanoseconds since the Unix epoch.
    ///   - full: given each batch that the frame fills.
    /// - Returns: where the feed is done with once all before is taken; nil while events wait that say it.
    func append(_ frame: ForwardedFrame, observedNs: UInt64, full: (LogBatch) -> Void) -> TextQueue.Progress? {
        if isEmpty {
            programs.forgetIdle()
            // Of events that were too large something may be there.
            arena.reset()
        }
        if !frame.isCheckpoint {
            var index = 0
            for case .events(let group) in frame.batch.records {
                append(group, frame, first: index, observedNs, full)
                index += group.eventCount
            }
        }
        guard let token = frame.token else { return nil }
        if isEmpty { return TextQueue.Progress(token: token) }
        progress.token = token
        return nil
    }

    private func append(
        _ group: EventGroup,
        _ frame: ForwardedFrame,
        first: Int,
        _ observedNs: UInt64,
        _ full: (LogBatch) -> Void
    ) {
        defer { withExtendedLifetime(group) {} }
        var slices = group.slices.map { SliceReader($0, keys: programs.keys(of: $0.packet.program)) }
        group.forEachEvent { slice, index, late in
            append(&slices[slice], frame, index: first + index, late: late, observedNs)
            if progress.events >= UInt64(limits.events) || byteCount >= limits.bytes { close().map(full) }
        }
    }

    private func append(
        _ slice: inout SliceReader,
        _ frame: ForwardedFrame,
        index: Int,
        late: EventGroup.Late?,
        _ observedNs: UInt64
    ) {
        let (packet, trace) = (slice.slice.packet, slice.slice.packet.trace)
        writer.begin(slice.keys)
        guard slice.readNext(&writer), !writer.isTooLarge else { return damagedEvents += 1 }
        let event = slice.keys.events[writer.event]
        let record: UnsafeMutablePointer<Tidemark__Otlp__LogRecord> = arena.make(tidemark__otlp__log_record__init)
        record.pointee.event_name = event.name
        record.pointee.observed_time_unix_nano = observedNs
        var attributes = writer.attributes
        if let clock = event.clock {
            let rawNs = clock.nanoseconds(writer.clockCycles)
            let correctedNs = packet.correction.corrected(rawNs)
            // The protocol has no times before the epoch.
            record.pointee.time_unix_nano = UInt64(max(correctedNs, 0))
            if !packet.correction.isNone {
                attributes.append(arena.attribute("tidemark.raw_time_unix_nano", arena.value(rawNs)))
            }
        }
        if let level = event.logLevel, let severity = LogSeverity(level: level) {
            record.pointee.severity_number = severity.number
            record.pointee.severity_text = arena.string(severity.text)
        }
        attributes.append(arena.attribute("tidemark.epoch", arena.value(frame.epoch)))
        attributes.append(arena.attribute("tidemark.sequence", arena.value(frame.batch.sequence)))
        attributes.append(arena.attribute("tidemark.index", arena.value(Int64(index))))
        let stream = packet.preamble.streamInstanceID ?? packet.stream.liveStreamID
        attributes.append(arena.attribute("tidemark.stream", arena.value(stream)))
        if let cpu = packet.preamble.cpuID { attributes.append(arena.attribute("tidemark.cpu", arena.value(cpu))) }
        if let late { attributes.append(arena.attribute("tidemark.late_ns", arena.value(late.lateNs))) }
        record.pointee.n_attributes = attributes.count
        record.pointee.attributes = arena.pointers(attributes[...])
        let resource = ResourceKey(relay: trace.relay, host: trace.host)
        records(of: ScopeKey(resource: resource, traceID: trace.id), packet).records.append(record)
        byteCount += protobuf_c_message_get_packed_size(
            UnsafeRawPointer(record).assumingMemoryBound(to: ProtobufCMessage.self)
        )
        progress.events += 1
    }

    private func records(of key: ScopeKey, _ packet: FeedPacket) -> ScopeRecords {
        if let known = scopes[key] { return known }
        let message: UnsafeMutablePointer<Tidemark__Otlp__ScopeLogs> = arena.make(tidemark__otlp__scope_logs__init)
        let scope: UnsafeMutablePointer<Tidemark__Otlp__Scope> = arena.make(tidemark__otlp__scope__init)
        let traceClass = packet.program.traceClass
        let uuid = packet.preamble.traceUUID ?? traceClass.uuid
        scope.pointee.name = arena.string(packet.trace.session.isEmpty ? packet.trace.path : packet.trace.session)
        var attributes = [
            arena.attribute("tidemark.session", arena.value(packet.trace.session)),
            arena.attribute("tidemark.trace", arena.value(uuid?.description ?? packet.trace.path)),
        ]
        if case .text(let domain)? = traceClass.environmentValue("domain") {
            attributes.append(arena.attribute("tidemark.domain", arena.value(domain)))
        }
        scope.pointee.n_attributes = attributes.count
        scope.pointee.attributes = arena.pointers(attributes[...])
        message.pointee.scope = scope
        let records = ScopeRecords(message)
        scopes[key] = records
        if let number = resources.firstIndex(where: { $0.key == key.resource }) {
            resources[number].scopes.append(key)
        } else {
            resources.append((key.resource, [key]))
        }
        byteCount += 256
        return records
    }

    /// Ends the batch; nil where it has no events.
    func close() -> LogBatch? {
        guard !isEmpty else { return nil }
        let messages = resources.map { resource($0.key, $0.scopes) }
        let bytes = arena.request(messages[...])
        defer {
            progress = TextQueue.Progress()
            byteCount = 0
            resources.removeAll()
            scopes.removeAll()
            arena.reset()
        }
        return LogBatch(bytes: bytes, progress: progress)
    }

    private func resource(
        _ key: ResourceKey,
        _ members: [ScopeKey]
    ) -> UnsafeMutablePointer<Tidemark__Otlp__ResourceLogs> {
        let message: UnsafeMutablePointer<Tidemark__Otlp__ResourceLogs> = arena.make(
            tidemark__otlp__resource_logs__init
        )
        let resource: UnsafeMutablePointer<Tidemark__Otlp__Resource> = arena.make(tidemark__otlp__resource__init)
        let attributes = [
            arena.attribute("host.name", arena.value(key.host)),
            arena.attribute("tidemark.relay", arena.value(key.relay)),
            arena.attribute("tidemark.feed", arena.value("\(feed)")),
        ]
        resource.pointee.n_attributes = attributes.count
        resource.pointee.attributes = arena.pointers(attributes[...])
        message.pointee.resource = resource
        let scopes = members.compactMap { self.scopes[$0] }.map { scope in
            scope.message.pointee.n_log_records = scope.records.count
            scope.message.pointee.log_records = arena.pointers(scope.records[...])
            return scope.message
        }
        message.pointee.n_scope_logs = scopes.count
        message.pointee.scope_logs = arena.pointers(scopes[...])
        return message
    }
}

/// LTTng's log level of an event as OpenTelemetry's severity.
struct LogSeverity: Equatable {
    var number: Int32
    var text: String

    /// - Returns: nil for a level that LTTng does not have.
    init?(level: Int64) {
        guard let name = LogLevelNames.name(level) else { return nil }
        text = name
        number =
            switch level {
            case 0: 21  // FATAL
            case 1: 19  // ERROR3
            case 2: 18  // ERROR2
            case 3: 17  // ERROR
            case 4: 13  // WARN
            case 5: 10  // INFO2
            case 6: 9  // INFO
            default: 5  // DEBUG
            }
    }
}
