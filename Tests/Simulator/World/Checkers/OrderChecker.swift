import CTF

/// Events that are not late leave in the order of the contract: by time, trace UUID, stream class, stream instance,
/// relay name, live stream, and place in the stream.
struct OrderChecker {
    private var last: SeenEvent?

    mutating func look(_ event: SeenEvent, atNs: UInt64, _ verdict: inout Verdict) {
        guard event.lateNs == 0 else { return }
        defer { last = event }
        guard let last, last.number != event.number, !Self.isInOrder(last, event) else { return }
        verdict.found(.order, atNs: atNs, "\(event) left after \(last)")
    }

    private static func isInOrder(_ left: SeenEvent, _ right: SeenEvent) -> Bool {
        if left.timestampNs != right.timestampNs { return left.timestampNs < right.timestampNs }
        let zero = TraceUUID(high: 0, low: 0)
        let (leftUUID, rightUUID) = (left.traceUUID ?? zero, right.traceUUID ?? zero)
        if leftUUID != rightUUID { return leftUUID < rightUUID }
        if left.classID != right.classID { return left.classID < right.classID }
        if left.instanceID != right.instanceID { return left.instanceID < right.instanceID }
        if left.relay != right.relay { return left.relay < right.relay }
        if left.liveStreamID != right.liveStreamID { return left.liveStreamID < right.liveStreamID }
        // The world numbers the events of a stream in their order.
        return left.number < right.number
    }
}
