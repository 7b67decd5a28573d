import CTF
import Feed

/// A frame of the feed as a subscriber reads it from its bytes.
struct SeenFrame {
    var sequence: UInt64
    var publishedNs: UInt64
    /// W after the frame, nanoseconds since the epoch; nil where it says none.
    var watermarkNs: Int64?
    var items: [Item]

    enum Item {
        case event(SeenEvent)
        /// Anything else.
        case record(FeedRecord)
    }

    var events: [SeenEvent] {
        items.compactMap { if case .event(let event) = $0 { event } else { nil } }
    }

    init(_ batch: FeedBatch, publishedNs: UInt64) {
        sequence = batch.sequence
        self.publishedNs = publishedNs
        watermarkNs = batch.watermarkNs
        items = []
        for record in batch.records {
            if case .events(let group) = record {
                items += SeenEvent.all(in: group).map { .event($0) }
            } else {
                items.append(.record(record))
            }
        }
    }

    /// For people.
    var lines: [String] {
        var lines = ["frame \(sequence), W \(watermarkNs.map { String($0 - HostClock.epochNs) } ?? "-")"]
        for item in items {
            switch item {
            case .event(let event): lines.append("  \(event)")
            case .record(.metadata(let traceID, let bytes)):
                lines.append("  metadata of trace \(traceID), \(bytes.count) bytes")
            case .record(let record): lines.append("  \(record)")
            }
        }
        return lines
    }
}

/// An event as it came out.
struct SeenEvent: Equatable, CustomStringConvertible {
    /// Its payload: the world's number of it.
    var number: UInt64
    var timestampNs: Int64
    /// How far it was behind the watermark; 0 for an event in order.
    var lateNs: Int64
    var relay: String
    var traceUUID: TraceUUID?
    var liveStreamID: UInt64
    /// Of its packet's header.
    var instanceID: UInt64
    var classID: UInt64

    var description: String {
        let late = lateNs > 0 ? ", late \(lateNs)" : ""
        return "event \(number) at \(timestampNs - HostClock.epochNs)\(late) (\(relay), stream \(liveStreamID))"
    }

    /// Decodes a group's events in order. One that cannot be decoded has the number 0.
    static func all(in group: EventGroup) -> [SeenEvent] {
        var cursors = group.slices.map { EventCursor(positionBits: $0.firstBits, clockCycles: $0.clockCycles) }
        var events: [SeenEvent] = []
        events.reserveCapacity(group.eventCount)
        var late = group.late[...]
        for run in group.order {
            let index = Int(run.slice)
            let slice = group.slices[index]
            let packet = slice.packet
            let bytes = PacketBytes(
                UnsafeRawBufferPointer(rebasing: slice.storage.bytes[slice.storageOffset...]),
                firstByte: Int(slice.firstBits / 8)
            )
            let clock = packet.program.clockConversion(streamClassID: packet.preamble.streamClassID)
            for _ in 0..<run.count {
                var visitor = NumberVisitor()
                do {
                    try packet.program.visitEvent(
                        bytes,
                        preamble: packet.preamble,
                        cursor: &cursors[index],
                        visitor: &visitor
                    )
                } catch {
                    visitor.number = 0
                }
                var lateNs: Int64 = 0
                if let first = late.first, Int(first.index) == events.count {
                    lateNs = first.lateNs
                    late = late.dropFirst()
                }
                events.append(
                    SeenEvent(
                        number: visitor.number,
                        timestampNs: clock?.nanoseconds(visitor.clockCycles) ?? 0,
                        lateNs: lateNs,
                        relay: packet.trace.relay,
                        traceUUID: packet.program.traceClass.uuid,
                        liveStreamID: packet.stream.liveStreamID,
                        instanceID: packet.preamble.streamInstanceID ?? packet.stream.liveStreamID,
                        classID: packet.preamble.streamClassID
                    )
                )
            }
        }
        return events
    }
}

/// Keeps an event's time and the only number in its payload.
private struct NumberVisitor: FieldVisitor {
    var clockCycles: UInt64 = 0
    var number: UInt64 = 0

    mutating func beginEvent(_ event: Int, clockCycles: UInt64) { self.clockCycles = clockCycles }
    mutating func endEvent() {}
    mutating func beginScope(_ scope: FieldScope) {}
    mutating func endScope(_ scope: FieldScope) {}
    mutating func beginStructure(_ field: FieldID) {}
    mutating func endStructure(_ field: FieldID) {}
    mutating func beginArray(_ field: FieldID, count: Int) {}
    mutating func endArray(_ field: FieldID) {}
    mutating func beginVariant(_ field: FieldID, option: Int) {}
    mutating func endVariant(_ field: FieldID) {}
    mutating func beginOptional(_ field: FieldID, isPresent: Bool) {}
    mutating func endOptional(_ field: FieldID) {}
    mutating func unsigned(_ value: UInt64, _ field: FieldID) { number = value }
    mutating func signed(_ value: Int64, _ field: FieldID) {}
    mutating func float(_ value: Float, _ field: FieldID) {}
    mutating func double(_ value: Double, _ field: FieldID) {}
    mutating func text(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {}
    mutating func blob(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {}
}
