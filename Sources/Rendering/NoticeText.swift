import CTF
import Feed

/// Lines for standard error: losses as babeltrace2 says them where the tracer is to blame; what was lost on the way,
/// states and gaps in our own words.
struct NoticeText {
    private var clock: ClockText

    init(options: TextOptions) {
        clock = ClockText(options: options)
    }

    /// - Returns: nil for records that need no notice.
    mutating func notice(for record: FeedRecord, streams: KnownStreams) -> String? {
        switch record {
        case .trace, .metadata, .stream, .traceEnd, .streamEnd, .events, .source, .idle: return nil
        case .lost(let loss): return notice(for: loss, streams: streams)
        case .relay(let change):
            return "relay \(change.relay): \(change.state.name)" + Self.suffix(change.reason)
        case .session(let change):
            let place = Self.place(change.relay, change.host, change.session)
            return "session \(place): \(change.state.name)" + Self.suffix(change.reason)
        case .holder(let holder):
            let place = Self.place(holder.relay, holder.host, holder.session)
            let stream = holder.streamID.map { " stream \(streams[$0]?.shownID ?? $0)" } ?? ""
            return "waiting for \(place)\(stream) since \(Self.seconds(holder.heldNs)) s"
        case .clock(let report): return ClockNotice.text(report)
        case .gap(let gap):
            return "gap in the feed: frames \(gap.fromSequence) to \(gap.toSequence) are gone" + Self.suffix(gap.reason)
        case .log(let log):
            switch log.condition {
            case .failing:
                return "the feed stands still: the coordinator's log cannot be written" + Self.suffix(log.reason)
            case .writing: return "the coordinator's log is written again, after \(Self.seconds(log.heldNs)) s"
            }
        case .end(let reason): return reason.isEmpty ? nil : "the feed has ended: \(reason)"
        }
    }

    // MARK: Losses

    private mutating func notice(for loss: LossRecord, streams: KnownStreams) -> String {
        let unit = loss.unit == .events ? "event" : "packet"
        let isTracers = loss.cause == .tracer
        var notice = "WARNING: "
        if let count = loss.count, count > 0 {
            notice +=
                (isTracers ? "Tracer discarded " : "Lost on the way: ") + "\(count) \(unit)" + (count == 1 ? "" : "s")
        } else {
            notice += isTracers ? "Tracer may have discarded \(unit)s" : "An unknown number of \(unit)s is lost"
        }
        if let fromNs = loss.fromNs, let toNs = loss.toNs {
            notice += " between [\(time(fromNs))] and [\(time(toNs))]"
        } else {
            notice += " (unknown time range)"
        }
        let stream = loss.streamID.flatMap { streams[$0] }
        notice += " in trace \"\(Self.traceName(of: loss, stream))\" "
        notice += stream?.traceUUID.map { "(UUID: \($0))" } ?? "(no UUID)"
        notice += " within stream \"\(Self.streamName(of: stream))\" "
        let classID = stream?.classID.map(String.init) ?? "unknown"
        let streamID = stream.map { String($0.shownID) } ?? "unknown"
        return notice + "(stream class ID: \(classID), stream ID: \(streamID))." + Self.suffix(loss.reason)
    }

    /// As babeltrace2 names the traces of directories; live ones, which it cannot name, by where they come from.
    private static func traceName(of loss: LossRecord, _ stream: KnownStreams.Stream?) -> String {
        guard loss.relay.isEmpty else { return place(loss.relay, loss.host, loss.session) }
        return stream?.hostname ?? ""
    }

    /// A stored stream is called as its file.
    private static func streamName(of stream: KnownStreams.Stream?) -> String {
        guard let stream else { return "(unknown)" }
        guard stream.trace?.relay.isEmpty ?? true else { return "stream-\(stream.liveStreamID)" }
        return stream.filePath.isEmpty ? stream.channel : stream.filePath
    }

    private mutating func time(_ timeNs: Int64) -> String {
        var pen = OutputPen(capacityBytes: 64)
        defer { pen.deallocate() }
        clock.appendTimeAlone(timeNs, to: &pen)
        return String(decoding: UnsafeBufferPointer(start: pen.base, count: pen.count), as: UTF8.self)
    }

    // MARK: Parts

    private static func place(_ relay: String, _ host: String, _ session: String) -> String {
        [relay, host, session].filter { !$0.isEmpty }.joined(separator: "/")
    }

    private static func suffix(_ reason: String) -> String {
        reason.isEmpty ? "" : " (\(reason))"
    }

    /// With one decimal.
    private static func seconds(_ ns: Int64) -> String {
        "\(ns / 1_000_000_000).\((ns.magnitude / 100_000_000) % 10)"
    }
}
