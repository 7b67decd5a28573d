package import CTF

/// A packet by chance, with what a decoder must find in it.
package struct WrittenPacket {
    package let bytes: [UInt8]
    package let contentBits: UInt64
    package let firstEventBits: UInt64
    package let streamClassID: UInt64
    package let timestampBegin: UInt64
    package let contextCalls: [Visited]
    package let events: [PacketWriter.Expectation]

    /// Writes a packet of `eventCount` events with times that go up by less than their field wraps at.
    /// - Parameter trace: made by `RandomTraceClass`: its event headers are an id and a time.
    package init(_ trace: TraceClass, stream: Int, eventCount: Int, seed: UInt64) {
        var values = RandomValues(trace, seed: seed)
        let streamClass = trace.streamClasses[stream]
        var cycles = values.random.next() >> 2
        timestampBegin = cycles
        values.roleValues[FieldRoles.packetMagicNumber.rawValue] = 0xC1FC_1FC1
        values.roleValues[FieldRoles.streamClassID.rawValue] = streamClass.id
        values.roleValues[FieldRoles.defaultClockTimestamp.rawValue] = cycles
        let header = values.value(.packetHeader, trace.packetHeader)
        let context = values.value(.packetContext, streamClass.packetContext)
        var writer = PacketWriter(trace, stream: stream, header: header, context: context)
        let firstProgramIndex = trace.streamClasses[..<stream].map(\.eventClasses.count).reduce(0, +)
        for _ in 0..<eventCount {
            let event = Int.random(in: 0..<streamClass.eventClasses.count, using: &values.random)
            let eventClass = streamClass.eventClasses[event]
            cycles += UInt64.random(in: 0..<1 << 27, using: &values.random)
            values.roleValues[FieldRoles.eventRecordClassID.rawValue] = eventClass.id
            values.roleValues[FieldRoles.defaultClockTimestamp.rawValue] = cycles
            writer.write(
                event: event,
                programIndex: firstProgramIndex + event,
                cycles: cycles,
                header: values.value(.eventHeader, streamClass.eventHeader),
                common: values.value(.eventCommonContext, streamClass.eventCommonContext),
                specific: values.value(.eventSpecificContext, eventClass.specificContext),
                payload: values.value(.eventPayload, eventClass.payload)
            )
        }
        firstEventBits = writer.firstEventBits
        streamClassID = streamClass.id
        contextCalls = writer.contextCalls
        (bytes, contentBits) = writer.finish(paddingBytes: Int.random(in: 0...9, using: &values.random))
        events = writer.events
    }
}
