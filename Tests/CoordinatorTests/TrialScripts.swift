import LTTngLive
import SimulatedRelay

extension UInt64 {
    /// Milliseconds in nanoseconds.
    static func ms(_ count: UInt64) -> UInt64 { count * 1_000_000 }
}

extension RelayScript {
    /// A relay with one session of 100 ms live period, its metadata and data streams.
    /// - Parameter streams: steps of each data stream.
    static func session(
        host: String = "host",
        name: String = "session",
        id: UInt64 = 1,
        firstStream: UInt64 = 1,
        uuidByte: UInt8 = 1,
        environment: String = "",
        metadataAtNs: UInt64 = 0,
        metadata: [UInt8]? = nil,
        endsAtNs: UInt64? = nil,
        streams: [[(atNs: UInt64, step: ScriptedStream.Step)]]
    ) -> ScriptedSession {
        let trace = LiveTraceID(id)
        func live(_ number: UInt64, isMetadata: Bool) -> LiveStream {
            LiveStream(
                id: LiveStreamID(firstStream + number),
                trace: trace,
                isMetadata: isMetadata,
                path: "ust/uid/0/64-bit",
                channel: isMetadata ? "metadata" : "channel0_\(number - 1)"
            )
        }
        let text = metadata ?? TinyTrace.metadata(uuidByte: uuidByte, environment: environment)
        var all = [ScriptedStream(live(0, isMetadata: true), steps: [(metadataAtNs, .metadata(text))])]
        for (number, steps) in streams.enumerated() {
            all.append(ScriptedStream(live(UInt64(number) + 1, isMetadata: false), steps: steps))
        }
        return ScriptedSession(
            ListedSession(id: LiveSessionID(id), liveTimerUs: 100_000, hostname: host, name: name),
            endsAtNs: endsAtNs,
            streams: all
        )
    }
}

/// Steps of a stream that writes one packet a period, with events at the given times.
func packets(
    _ packets: [(atNs: UInt64, events: [UInt64])],
    startNs: UInt64 = 0
) -> [(atNs: UInt64, step: ScriptedStream.Step)] {
    var begin = startNs
    var offset: UInt64 = 0
    var steps: [(atNs: UInt64, step: ScriptedStream.Step)] = []
    for (number, packet) in packets.enumerated() {
        let written = TinyTrace.packet(
            from: begin,
            to: packet.atNs,
            events: packet.events,
            number: UInt64(number),
            offset: offset
        )
        steps.append((packet.atNs, .packet(written.index, written.bytes)))
        begin = packet.atNs
        offset += UInt64(written.bytes.count)
    }
    return steps
}
