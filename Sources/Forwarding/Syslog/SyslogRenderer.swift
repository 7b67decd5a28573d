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
            var slices = group.slices.map { SliceReader($0, keys: programs.keys(of: $0.packet.program)) }
            group.forEachEvent { slice, index, late in
                if render(&slices[slice], frame, index: first + index, late: late) {
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

    /// - Returns: false for an event that cannot be read, or is too long.
    private func render(_ slice: inout SliceReader, _ frame: ForwardedFrame, index: Int, late: EventGroup.Late?) -> Bool
    {
        let packet = slice.slice.packet
        writer.begin(slice.keys)
        guard slice.readNext(&writer), !writer.isTooLarge else { return false }
        let event = slice.keys.events[writer.event]
        let rawNs = event.clock?.nanoseconds(writer.clockCycles)
        let ns = rawNs.map { packet.correction.corrected($0) }
        appendHeader(packet, String(cString: event.name), ns, level: event.logLevel)
        message += "[tidemark@\(Self.enterprise)".utf8
        appendPlace(packet, frame, index: index)
        if let ns { SyslogText.append(parameter: "time_ns", value: "\(ns)", to: &message) }
        if let rawNs, rawNs != ns { SyslogText.append(parameter: "raw_time_ns", value: "\(rawNs)", to: &message) }
        if let late { SyslogText.append(parameter: "late_ns", value: "\(late.lateNs)", to: &message) }
        message.append(UInt8(ascii: "]"))
        if !writer.bytes.isEmpty {
            message += "[fields@\(Self.enterprise)".utf8
            message += writer.bytes
            message.append(UInt8(ascii: "]"))
        }
        message.append(UInt8(ascii: " "))
        SyslogText.append(field: String(cString: event.name), bytesMax: 1024, to: &message)
        return true
    }

    private func appendHeader(_ packet: FeedPacket, _ name: String, _ ns: Int64?, level: Int64?) {
        message.removeAll(keepingCapacity: true)
        // LTTng's first eight levels are syslog's own severities; what has none is information.
        let severity = level.map { min(max($0, 0), 7) } ?? 6
        message += "<\(Int64(facility) * 8 + severity)>1 ".utf8
        let time = ns.map { ns in
            SyslogText.timestamp(ns) { CalendarTime(secondsSinceEpoch: $0).description }
        }
        SyslogText.append(field: time ?? "", bytesMax: 32, to: &message)
        message.append(UInt8(ascii: " "))
        SyslogText.append(field: packet.trace.host, bytesMax: 255, to: &message)
        message.append(UInt8(ascii: " "))
        SyslogText.append(field: packet.trace.session, bytesMax: 48, to: &message)
        message += " - ".utf8
        SyslogText.append(field: name, bytesMax: 32, to: &message)
        message.append(UInt8(ascii: " "))
    }

    private func appendPlace(_ packet: FeedPacket, _ frame: ForwardedFrame, index: Int) {
        let uuid = packet.preamble.traceUUID ?? packet.program.traceClass.uuid
        let stream = packet.preamble.streamInstanceID ?? packet.stream.liveStreamID
        let parameters = [
            ("feed", "\(feed)"), ("epoch", "\(frame.epoch)"), ("sequence", "\(frame.batch.sequence)"),
            ("index", "\(index)"),
            ("relay", packet.trace.relay), ("session", packet.trace.session),
            ("trace", uuid?.description ?? packet.trace.path), ("stream", "\(stream)"),
        ]
        for (name, value) in parameters { SyslogText.append(parameter: name, value: value, to: &message) }
        if let cpu = packet.preamble.cpuID { SyslogText.append(parameter: "cpu", value: "\(cpu)", to: &message) }
    }
}
