import CTF
import EventMerge
import Feed

/// Messages between hosts: events of which one says that something was sent, another that it was received.
///
/// Only where the configuration names such events are packets of traces that have them looked through a second time,
/// and of each event only the field that pairs it is kept.
extension Coordinator {
    /// Looks for messages in a packet.
    /// - Parameter window: the packet whole.
    mutating func matchMessages(
        _ link: RelayLink,
        _ stream: RelayStream,
        _ packet: FeedPacket,
        _ window: PacketWindow,
        now: UInt64
    ) {
        let trace = stream.trace
        let events =
            trace.messageEvents.flatMap { $0.program === packet.program ? $0 : nil }
            ?? MessageEvents(packet.program, configuration.messages)
        trace.messageEvents = events
        guard !events.isEmpty, let clock = traceClock(trace, link, now: now),
            let conversion = packet.program.clockConversion(streamClassID: packet.preamble.streamClassID)
        else { return }
        var visitor = MessageVisitor(events: events.byEvent)
        var cursor = packet.preamble.firstEvent
        let endBits = packet.preamble.contentBits ?? window.bytes.endBits
        while cursor.positionBits < endBits {
            visitor.found = nil
            do throws(PacketError) {
                try packet.program.visitEvent(
                    window.bytes,
                    preamble: packet.preamble,
                    cursor: &cursor,
                    visitor: &visitor
                )
            } catch {
                // What is wrong with the packet is said where its events are taken.
                return
            }
            guard let event = visitor.event, let value = visitor.found else { continue }
            let rawNs = conversion.nanoseconds(visitor.clockCycles)
            let moment = MessageMatcher.Moment(clock: clock.clock.number, atNs: clock.clockNs(rawNs))
            match(event, value, moment)
        }
    }

    private mutating func match(
        _ event: MessageEvents.Event,
        _ value: MessageMatcher.Value,
        _ moment: MessageMatcher.Moment
    ) {
        if event.isSend {
            for match in messages.sent(value, rule: event.rule, moment) { matched(match) }
        } else if let match = messages.received(value, rule: event.rule, moment) {
            matched(match)
        }
    }

    private mutating func matched(_ match: MessageMatcher.Match) {
        network.matched(
            sender: match.sent.clock,
            sentNs: match.sent.atNs,
            receiver: match.received.clock,
            receivedNs: match.received.atNs
        )
    }
}

/// Which events of a program show messages.
struct MessageEvents {
    struct Event {
        /// Index of the rule.
        var rule: Int
        var isSend: Bool
        /// The field that pairs it.
        var field: FieldID
    }

    let program: TraceProgram
    /// As in `TraceProgram.events`.
    private(set) var byEvent: [Event?]
    let isEmpty: Bool

    init(_ program: TraceProgram, _ rules: [MessageRule]) {
        self.program = program
        byEvent = program.events.map { event in
            for (number, rule) in rules.enumerated() {
                let isSend = event.eventClass.name == rule.send
                guard isSend || event.eventClass.name == rule.receive, let payload = event.payload else { continue }
                let members = program.fields[Int(payload.rawValue)].children
                let field = members.first { program.fields[Int($0.rawValue)].name == rule.field }
                if let field { return Event(rule: number, isSend: isSend, field: field) }
            }
            return nil
        }
        isEmpty = byEvent.allSatisfy { $0 == nil }
    }
}

/// Keeps of an event the value of the field that pairs it.
private struct MessageVisitor: FieldVisitor {
    let events: [MessageEvents.Event?]
    /// The last event, where it shows a message.
    var event: MessageEvents.Event?
    var clockCycles: UInt64 = 0
    var found: MessageMatcher.Value?

    init(events: [MessageEvents.Event?]) {
        self.events = events
    }

    mutating func beginEvent(_ event: Int, clockCycles: UInt64) {
        self.event = events[event]
        self.clockCycles = clockCycles
    }
    mutating func unsigned(_ value: UInt64, _ field: FieldID) {
        if let event, event.field == field { found = .number(Int128(value)) }
    }
    mutating func signed(_ value: Int64, _ field: FieldID) {
        if let event, event.field == field { found = .number(Int128(value)) }
    }
    mutating func text(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {
        guard let event, event.field == field, bytes.count <= MessageMatcher.textBytesMax else { return }
        found = .text(Array(bytes))
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
    mutating func float(_ value: Float, _ field: FieldID) {}
    mutating func double(_ value: Double, _ field: FieldID) {}
    mutating func blob(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {}
}
