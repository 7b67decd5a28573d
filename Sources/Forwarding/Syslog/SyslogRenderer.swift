import CTF
import Feed
import TLS

/// Events as syslog messages, each behind its length. Without I/O.
final class SyslogRenderer {
    /// The number that is for examples (RFC 5612): we have none of our own.
    private static let enterprise = "32473"

    private let facility: UInt8
    private let feed: FeedID
    private var programs = ProgramKeysCache()
    private var writer = SyslogFieldWriter()
    private var message: [UInt8] = []
    private var time = SyslogTime()

    /// A slice that is being read, and what all messages of its events have in common.
    private struct Source {
        var reader: SliceReader
        /// HOSTNAME, APP-NAME and PROCID, with a space before and behind each.
        var head: [UInt8]
        /// Parameters of its place behind the event's own.
        var place: [UInt8]
    }

    init(facility: UInt8, feed: FeedID) {
        self.facility = facility
        self.feed = feed
    }

    /// - Returns: the messages, and how many events they are of and lack.
    func messages(_ frame: ForwardedFrame) -> (bytes: [UInt8], events: UInt64, damaged: UInt64) {
        var (bytes, events, damaged): ([UInt8], UInt64, UInt64) = ([], 0, 0)
        guard !frame.isCheckpoint else { return (bytes, events, damaged) }
        programs.forgetIdle()
        var first = 0
        for case .events(let group) in frame.batch.records {
            var sources = group.slices.map { source($0) }
            let life = life(of: frame)
            group.forEachEvent { slice, index, late in
                if render(&sources[slice], life, index: first + index, late: late) {
                    SyslogText.frame(message, to: &bytes)
                    events += 1
                } else {
                    damaged += 1
                }
            }
            first += group.eventCount
            withExtendedLifetime(group) {}
        }
        return (bytes, events, damaged)
    }

    private func source(_ slice: EventSlice) -> Source {
        let packet = slice.packet
        var head = Array(" ".utf8)
        SyslogText.append(field: packet.trace.host, bytesMax: 255, to: &head)
        head.append(UInt8(ascii: " "))
        SyslogText.append(field: packet.trace.session, bytesMax: 48, to: &head)
        head += " - ".utf8
        let uuid = packet.preamble.traceUUID ?? packet.program.traceClass.uuid
        let stream = packet.preamble.streamInstanceID ?? packet.stream.liveStreamID
        var parameters = [
            ("relay", packet.trace.relay), ("session", packet.trace.session),
            ("trace", uuid?.description ?? packet.trace.path), ("stream", "\(stream)"),
        ]
        if let cpu = packet.preamble.cpuID { parameters.append(("cpu", "\(cpu)")) }
        var place: [UInt8] = []
        for (name, value) in parameters { SyslogText.append(parameter: name, value: value, to: &place) }
        let reader = SliceReader(slice, keys: programs.keys(of: packet.program))
        return Source(reader: reader, head: head, place: place)
    }

    /// The beginning of the structured data of all events of a frame.
    private func life(of frame: ForwardedFrame) -> [UInt8] {
        var bytes = Array(" [tidemark@\(Self.enterprise)".utf8)
        let parameters = [
            ("feed", "\(feed)"), ("epoch", "\(frame.epoch)"), ("sequence", "\(frame.batch.sequence)"),
        ]
        for (name, value) in parameters { SyslogText.append(parameter: name, value: value, to: &bytes) }
        return bytes
    }

    /// - Returns: false for an event that cannot be read, or is too long.
    private func render(_ source: inout Source, _ life: [UInt8], index: Int, late: EventGroup.Late?) -> Bool {
        let keys = source.reader.keys
        writer.begin(keys)
        guard source.reader.readNext(&writer), !writer.isTooLarge else { return false }
        let event = keys.events[writer.event]
        let rawNs = event.clock?.nanoseconds(writer.clockCycles)
        let ns = rawNs.map { source.reader.slice.packet.correction.corrected($0) }
        appendHeader(source, event, ns)
        message += life
        SyslogText.append(parameter: "index", value: String(index), to: &message)
        message += source.place
        if let ns { SyslogText.append(parameter: "time_ns", value: String(ns), to: &message) }
        if let rawNs, rawNs != ns { SyslogText.append(parameter: "raw_time_ns", value: String(rawNs), to: &message) }
        if let late { SyslogText.append(parameter: "late_ns", value: String(late.lateNs), to: &message) }
        message.append(UInt8(ascii: "]"))
        if !writer.bytes.isEmpty {
            message += Self.fields
            message += writer.bytes
            message.append(UInt8(ascii: "]"))
        }
        message.append(UInt8(ascii: " "))
        SyslogText.append(field: event.nameBytes, bytesMax: 1024, to: &message)
        return true
    }

    private static let fields = Array("[fields@\(enterprise)".utf8)

    private func appendHeader(_ source: Source, _ event: ProgramKeys.Event, _ ns: Int64?) {
        message.removeAll(keepingCapacity: true)
        // LTTng's first eight levels are syslog's own severities; what has none is information.
        let severity = event.logLevel.map { min(max($0, 0), 7) } ?? 6
        message.append(UInt8(ascii: "<"))
        message += String(Int64(facility) * 8 + severity).utf8
        message += ">1 ".utf8
        if let ns { time.append(ns, to: &message) } else { message.append(UInt8(ascii: "-")) }
        message += source.head
        SyslogText.append(field: event.nameBytes, bytesMax: 32, to: &message)
    }
}
