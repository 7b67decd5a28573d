/// Decoding for visitors. All of this is inlined into the module that has the visitor, where it is specialised for it.
extension TraceProgram {
    /// Decodes the event at `cursor`: `beginEvent`, its scopes' values, `endEvent`. Moves the cursor behind it.
    ///
    /// Visited are the common context, the event's own context and its payload.
    /// - Parameters:
    ///   - bytes: must hold the event whole.
    ///   - preamble: what `readPreamble` of this program said of the packet.
    ///   - cursor: where `scan` or the event before have left it.
    /// - Throws: what is wrong; the visitor has then been told a part of the event, and the cursor has not moved.
    /// - Complexity: O(bits of the event); no allocation where programs need at most 128 slots, as all of LTTng's do.
    @inlinable
    package func visitEvent<V: FieldVisitor>(
        _ bytes: PacketBytes,
        preamble: PacketPreamble,
        cursor: inout EventCursor,
        visitor: inout V
    ) throws(PacketError) {
        let contentBits = preamble.contentBits ?? bytes.endBits
        precondition(cursor.positionBits >= UInt64(truncatingIfNeeded: bytes.firstByte) &<< 3)
        guard let stream = stream(preamble), cursor.positionBits <= bytes.endBits else {
            throw PacketError(.foreignPreamble, atBits: cursor.positionBits)
        }
        let error: PacketError? = withUnsafeTemporaryAllocation(of: UInt64.self, capacity: tables.slotCount) {
            guard let slots = $0.baseAddress else { return PacketError(.foreignPreamble, atBits: 0) }
            prepare(slots, preamble)
            slots[RunSlot.eventStart] = cursor.positionBits
            var machine = ProgramMachine(
                tables: tables,
                bytes: bytes,
                slots: slots,
                limitBits: min(contentBits, bytes.endBits),
                cursor: cursor
            )
            var eventID: UInt64 = 0
            guard machine.readHeader(stream, &eventID) else { return machine.error(contentBits: contentBits) }
            let event = tables.event(eventID, in: stream)
            guard event.isKnown else {
                return PacketError(.unknownEventClass, atBits: cursor.positionBits, value: eventID)
            }
            visitor.beginEvent(Int(event.index), clockCycles: machine.clockCycles)
            let outcome =
                stream.isCareful
                ? machine.runCarefully(event.visitStart, &visitor) : machine.run(event.visitStart, &visitor)
            guard outcome.isDone else {
                let error = outcome.error(contentBits: contentBits)
                return located(error, bytes, preamble, contentBits: contentBits, cursor: cursor)
            }
            visitor.endEvent()
            cursor.positionBits = outcome.positionBits
            cursor.clockCycles = outcome.clockCycles
            return nil
        }
        if let error { throw error }
    }

    /// Visits the packet context, without the members that say what the packet is rather than what was traced: packet
    /// and content size, timestamps, sequence number and discarded events.
    /// - Parameter bytes: the packet from its first byte on; the preamble must lie in them whole.
    @inlinable
    package func visitPacketContext<V: FieldVisitor>(
        _ bytes: PacketBytes,
        preamble: PacketPreamble,
        visitor: inout V
    ) throws(PacketError) {
        precondition(bytes.firstByte == 0)
        guard let stream = stream(preamble) else { throw PacketError(.foreignPreamble, atBits: 0) }
        let error: PacketError? = withUnsafeTemporaryAllocation(of: UInt64.self, capacity: tables.slotCount) {
            guard let slots = $0.baseAddress else { return PacketError(.foreignPreamble, atBits: 0) }
            prepare(slots, preamble)
            var machine = ProgramMachine(
                tables: tables,
                bytes: bytes,
                slots: slots,
                limitBits: bytes.endBits,
                cursor: EventCursor(positionBits: 0, clockCycles: 0)
            )
            guard machine.runUnseen(tables.packetHeaderStart) else { return machine.error(contentBits: .max) }
            let outcome = machine.runCarefully(stream.contextVisitStart, &visitor)
            return outcome.isDone ? nil : outcome.error(contentBits: .max)
        }
        if let error { throw error }
    }

    /// The error of a run that has failed, at the field that is the cause: quick runs and scans tell only where its
    /// neighbours begin that are checked together.
    ///
    /// The place does not depend on how many of the packet's bytes are there.
    /// - Parameter cursor: before the event that cannot be read.
    @usableFromInline @inline(never)
    func located(
        _ error: PacketError,
        _ bytes: PacketBytes,
        _ preamble: PacketPreamble,
        contentBits: UInt64,
        cursor: EventCursor
    ) -> PacketError {
        guard let stream = stream(preamble) else { return error }
        return withUnsafeTemporaryAllocation(of: UInt64.self, capacity: tables.slotCount) {
            guard let slots = $0.baseAddress else { return error }
            prepare(slots, preamble)
            slots[RunSlot.contentBits] = contentBits
            slots[RunSlot.eventStart] = cursor.positionBits
            var machine = ProgramMachine(
                tables: tables,
                bytes: bytes,
                slots: slots,
                limitBits: min(contentBits, bytes.endBits),
                cursor: cursor
            )
            var eventID: UInt64 = 0
            var nobody = NoVisitor()
            guard machine.readHeader(stream, &eventID) else { return error }
            let event = tables.event(eventID, in: stream)
            guard event.isKnown else { return error }
            let careful = machine.runCarefully(event.visitStart, &nobody)
            let located = careful.error(contentBits: contentBits)
            return careful.isDone || located.code != error.code ? error : located
        }
    }
}
