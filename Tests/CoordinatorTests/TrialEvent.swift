import CTF
import Feed

/// An event as a test looks at it.
struct TrialEvent: Equatable {
    var host: String
    var stream: UInt64
    /// As its trace says.
    var timestampNs: Int64
    /// After any correction.
    var correctedNs: Int64
    var lateNs: Int64
    var isLateByClock = false
    var name: String
    /// Of its field.
    var value: UInt64

    /// As a line: seconds and milliseconds, host, name, value.
    var line: String {
        let ms = timestampNs / 1_000_000
        let fraction = String(1000 + ms % 1000).dropFirst()
        return "\(ms / 1000).\(fraction) \(host) \(name) \(value)"
    }

    /// Decodes a group's events in order.
    static func all(in group: EventGroup) -> [TrialEvent] {
        var cursors = group.slices.map { EventCursor(positionBits: $0.firstBits, clockCycles: $0.clockCycles) }
        var events: [TrialEvent] = []
        for run in group.order {
            let index = Int(run.slice)
            let slice = group.slices[index]
            let bytes = PacketBytes(
                UnsafeRawBufferPointer(rebasing: slice.storage.bytes[slice.storageOffset...]),
                firstByte: Int(slice.firstBits / 8)
            )
            for _ in 0..<run.count {
                var visitor = NameVisitor()
                do {
                    try slice.packet.program.visitEvent(
                        bytes,
                        preamble: slice.packet.preamble,
                        cursor: &cursors[index],
                        visitor: &visitor
                    )
                } catch {
                    visitor.event = nil
                }
                guard let event = visitor.event else { continue }
                let program = slice.packet.program
                let classID = slice.packet.preamble.streamClassID
                let ns = program.clockConversion(streamClassID: classID)?.nanoseconds(visitor.clockCycles) ?? 0
                let late = group.late.first { Int($0.index) == events.count }
                events.append(
                    TrialEvent(
                        host: slice.packet.trace.host,
                        stream: slice.packet.stream.liveStreamID,
                        timestampNs: ns,
                        correctedNs: slice.packet.correction.corrected(ns),
                        lateNs: late?.lateNs ?? 0,
                        isLateByClock: late?.isByClock ?? false,
                        name: program.events[event].eventClass.name,
                        value: visitor.value
                    )
                )
            }
        }
        return events
    }
}

private struct NameVisitor: FieldVisitor {
    var event: Int?
    var clockCycles: UInt64 = 0
    /// The last number seen: that of the payload.
    var value: UInt64 = 0

    mutating func beginEvent(_ event: Int, clockCycles: UInt64) {
        self.event = event
        self.clockCycles = clockCycles
    }
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
    mutating func unsigned(_ value: UInt64, _ field: FieldID) { self.value = value }
    mutating func signed(_ value: Int64, _ field: FieldID) {}
    mutating func float(_ value: Float, _ field: FieldID) {}
    mutating func double(_ value: Double, _ field: FieldID) {}
    mutating func text(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {}
    mutating func blob(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {}
}
