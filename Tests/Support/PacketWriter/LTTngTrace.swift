package import CTF

/// Trace classes like those that LTTng writes, and packets of them.
package struct LTTngTrace: Sendable {
    /// The event header: `compact` has 5 bits of id and 27 of time, `large` 16 and 32.
    package enum Header: Sendable {
        case compact
        case large
    }

    package var traceClass: TraceClass
    private let header: Header
    private let byteOrder: ByteOrder

    /// An event to write.
    package struct Event: Sendable {
        /// Index in the stream class's event classes, which is also the id.
        package var event: Int
        /// The clock's value.
        package var cycles: UInt64
        /// Members of the payload.
        package var values: [FieldValue]

        package init(event: Int, cycles: UInt64, values: [FieldValue]) {
            self.event = event
            self.cycles = cycles
            self.values = values
        }
    }

    /// A trace with one stream class, whose events have the common context `vpid`, `vtid` and `procname`.
    /// - Parameters:
    ///   - eventClasses: names and payload members; see `member` and its kin.
    ///   - clockOffsetSeconds: where the clock's zero lies, seconds since the epoch.
    package init(
        header: Header = .compact,
        byteOrder: ByteOrder = .littleEndian,
        clockOffsetSeconds: Int64 = 1_700_000_000,
        uuid: TraceUUID = TraceUUID(high: 0x0102_0304_0506_0708, low: 0x090A_0B0C_0D0E_0F10),
        eventClasses: [(name: String, members: [StructureClass.Member])]? = nil
    ) {
        self.header = header
        self.byteOrder = byteOrder
        let build = ClassBuilder(byteOrder: byteOrder)
        traceClass = TraceClass(
            uuid: uuid,
            byteOrder: byteOrder,
            environment: [
                EnvironmentEntry(name: "hostname", value: .text("web-1")),
                EnvironmentEntry(name: "domain", value: .text("ust")),
                EnvironmentEntry(name: "tracer_name", value: .text("lttng-ust")),
            ],
            clocks: [
                ClockClass(
                    name: "monotonic",
                    uuid: uuid,
                    offsetSeconds: clockOffsetSeconds,
                    originIsUnixEpoch: true
                )
            ],
            packetHeader: build.packetHeader
        )
        let classes = eventClasses ?? Self.defaultEventClasses(byteOrder: byteOrder)
        traceClass.streamClasses = [
            StreamClass(
                id: 0,
                defaultClock: 0,
                packetContext: build.packetContext,
                eventHeader: header == .compact ? build.compactHeader : build.largeHeader,
                eventCommonContext: build.commonContext,
                eventClasses: classes.enumerated().map { index, entry in
                    EventClass(
                        id: UInt64(index),
                        name: entry.name,
                        logLevel: 13,
                        payload: StructureClass(members: entry.members)
                    )
                }
            )
        ]
    }

    /// `demo:tick` with an integer, a string, a double and a sequence; `demo:mark` with one integer.
    private static func defaultEventClasses(
        byteOrder: ByteOrder
    ) -> [(name: String, members: [StructureClass.Member])] {
        let build = ClassBuilder(byteOrder: byteOrder)
        return [
            (
                "demo:tick",
                [
                    build.integer("seqno", 32), build.string("msg"), build.double("ratio"),
                    build.integer("_bytes_length", 16), build.sequence("bytes", 8, length: "__bytes_length"),
                ]
            ),
            ("demo:mark", [build.integer("value", 64, isSigned: true)]),
        ]
    }

    /// A value of `demo:tick`.
    package static func tick(
        at cycles: UInt64,
        seqno: UInt64,
        msg: String = "hello",
        ratio: Double = 0.5,
        bytes: [UInt8] = [1, 2, 3]
    ) -> Event {
        Event(
            event: 0,
            cycles: cycles,
            values: [
                .unsigned(seqno), .string(msg), .double(ratio), .unsigned(UInt64(bytes.count)),
                .array(bytes.map { .unsigned(UInt64($0)) }),
            ]
        )
    }

    /// A value of `demo:mark`.
    package static func mark(at cycles: UInt64, value: Int64) -> Event {
        Event(event: 1, cycles: cycles, values: [.signed(value)])
    }

    /// Writes a packet.
    /// - Parameters:
    ///   - beginCycles: `timestamp_begin`; the first event's time when nil.
    ///   - endCycles: `timestamp_end`; the last event's time when nil.
    ///   - paddingBytes: after the content.
    package func writePacket(
        events: [Event],
        streamInstanceID: UInt64 = 0,
        sequenceNumber: UInt64 = 0,
        discardedEvents: UInt64 = 0,
        cpuID: UInt64 = 0,
        beginCycles: UInt64? = nil,
        endCycles: UInt64? = nil,
        paddingBytes: Int = 0
    ) -> [UInt8] {
        var writer = packetWriter(
            events: events,
            streamInstanceID: streamInstanceID,
            sequenceNumber: sequenceNumber,
            discardedEvents: discardedEvents,
            cpuID: cpuID,
            beginCycles: beginCycles,
            endCycles: endCycles
        )
        return writer.finish(paddingBytes: paddingBytes).bytes
    }

    /// As `writePacket`, before it is finished: knows where each event is and what a visitor must be told.
    package func packetWriter(
        events: [Event],
        streamInstanceID: UInt64 = 0,
        sequenceNumber: UInt64 = 0,
        discardedEvents: UInt64 = 0,
        cpuID: UInt64 = 0,
        beginCycles: UInt64? = nil,
        endCycles: UInt64? = nil
    ) -> PacketWriter {
        let begin = beginCycles ?? events.first?.cycles ?? 0
        let end = endCycles ?? events.last?.cycles ?? begin
        let uuid = traceClass.uuid ?? TraceUUID(high: 0, low: 0)
        let uuidBytes = (0..<16).map { index in
            FieldValue.unsigned((index < 8 ? uuid.high : uuid.low) >> UInt64(56 - index % 8 * 8) & 0xFF)
        }
        var writer = PacketWriter(
            traceClass,
            stream: 0,
            header: .structure([.unsigned(0xC1FC_1FC1), .array(uuidBytes), .unsigned(0), .unsigned(streamInstanceID)]),
            context: .structure([
                .unsigned(begin), .unsigned(end), .unsigned(0), .unsigned(0), .unsigned(sequenceNumber),
                .unsigned(discardedEvents), .unsigned(cpuID),
            ])
        )
        var last = begin
        for event in events {
            writer.write(
                event: event.event,
                programIndex: event.event,
                cycles: event.cycles,
                header: headerValue(id: UInt64(event.event), cycles: event.cycles, after: last),
                common: .structure([.signed(1234), .signed(1235), .text(Self.procname)]),
                payload: .structure(event.values)
            )
            last = event.cycles
        }
        return writer
    }

    /// `procname` of all events, as the 17 bytes that they carry.
    package static let procname: [UInt8] = Array("worker".utf8) + [UInt8](repeating: 0, count: 11)

    /// The short form where id and time fit, as LTTng writes it.
    private func headerValue(id: UInt64, cycles: UInt64, after last: UInt64) -> FieldValue {
        let (idMax, timeBits): (UInt64, UInt64) = header == .compact ? (31, 27) : (0xFFFF, 32)
        if id < idMax && cycles >= last && cycles - last < 1 << timeBits {
            let time = cycles & ((1 << timeBits) - 1)
            return .structure([.unsigned(id), .option(0, .structure([.unsigned(time)]))])
        }
        return .structure([.unsigned(idMax), .option(1, .structure([.unsigned(id), .unsigned(cycles)]))])
    }
}
