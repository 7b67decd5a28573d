/// How far a scan came.
package enum ScanResult: Sendable, Equatable {
    /// The cursor stands at the end of the packet's content.
    case complete
    /// The bytes end inside of an event, or before the content does; the cursor stands before that event.
    case needsMoreBytes
    /// The key buffer is full; the cursor stands before the next event.
    case full
}

/// Scanning: a key for each event, without looking at its values.
///
/// The loop works on local variables alone and writes back once: no allocation, reference count, existential or access to a
/// class's property for an event. An event of constant size costs its header, a look into a table, and an addition.
extension TraceProgram {
    /// Appends a key for each event from `cursor` on.
    ///
    /// Can be interrupted at any byte: with more bytes, and the cursor as it was left, the scan goes on as if they had
    /// been there before.
    /// - Parameters:
    ///   - bytes: the packet's bytes that are in memory; the cursor stands in them.
    ///   - preamble: what `readPreamble` of this program said of the packet.
    ///   - contentBits: where the packet's content ends, bits from its start; bytes may end before that.
    ///   - correctionNs: added to each timestamp, nanoseconds.
    ///   - cursor: where to begin: `preamble.firstEvent`, or where the last scan of this packet has left it.
    ///   - keys: timestamps are 0 where the stream class has no clock.
    /// - Throws: what is wrong with the event at the cursor. The events before it stand in `keys`.
    package func scan(
        _ bytes: PacketBytes,
        preamble: PacketPreamble,
        contentBits: UInt64,
        correctionNs: Int64,
        cursor: inout EventCursor,
        keys: inout EventKeyBuffer
    ) throws(PacketError) -> ScanResult {
        precondition(cursor.positionBits >= UInt64(truncatingIfNeeded: bytes.firstByte) << 3)
        guard let stream = stream(preamble) else { throw PacketError(.foreignPreamble, atBits: cursor.positionBits) }
        guard cursor.positionBits <= contentBits else {
            throw PacketError(.badContentSize, atBits: cursor.positionBits, value: contentBits)
        }
        guard cursor.positionBits <= bytes.endBits else { return .needsMoreBytes }

        let scanned: Result<ScanResult, PacketError> = withUnsafeTemporaryAllocation(
            of: UInt64.self,
            capacity: tables.slotCount
        ) {
            guard let slots = $0.baseAddress else { return .success(.complete) }
            prepare(slots, preamble)
            let machine = ProgramMachine(
                tables: tables,
                bytes: bytes,
                slots: slots,
                limitBits: min(contentBits, bytes.endBits),
                cursor: cursor
            )
            return scan(
                machine,
                stream,
                contentBits: contentBits,
                correctionNs: correctionNs,
                cursor: &cursor,
                keys: keys
            )
        }
        return try scanned.get()
    }

    private func scan(
        _ start: ProgramMachine,
        _ stream: StreamEntry,
        contentBits: UInt64,
        correctionNs: Int64,
        cursor: inout EventCursor,
        keys: EventKeyBuffer
    ) -> Result<ScanResult, PacketError> {
        var machine = start
        var appender = keys.appender(stream, correctionNs: correctionNs, cursor: cursor)
        var nobody = NoVisitor()
        var result: Result<ScanResult, PacketError>
        // State before the event at hand: where the cursor is left when it cannot be read.
        var before = cursor
        while true {
            before.positionBits = machine.positionBits
            before.clockCycles = machine.clockCycles
            guard machine.positionBits < machine.limitBits else {
                result = .success(machine.positionBits >= contentBits ? .complete : .needsMoreBytes)
                break
            }
            guard !appender.isFull else {
                result = .success(.full)
                break
            }
            machine.emptyElementsLeft = ProgramLimits.emptyElementsMax
            machine.lastOrder = 2
            if stream.clearsSlots { machine.clearEventSlots() }

            guard machine.readHeader(stream) else {
                result = Self.result(machine, contentBits)
                break
            }
            let clockCycles = machine.clockCycles
            let index = machine.tables.eventIndex(machine.eventID, in: stream)
            guard index != ProgramTables.noEvent else {
                result = .failure(
                    PacketError(.unknownEventClass, atBits: before.positionBits, value: machine.eventID)
                )
                break
            }
            guard machine.run(machine.tables.events[Int(index)].scanStart, &nobody) else {
                result = Self.result(machine, contentBits)
                break
            }
            guard machine.positionBits > before.positionBits else {
                result = .failure(PacketError(.emptyEvent, atBits: before.positionBits))
                break
            }
            appender.append(
                startBits: before.positionBits,
                headerCycles: clockCycles,
                cycles: machine.clockCycles,
                to: keys
            )
        }
        keys.finish(appender)
        cursor = before
        return result
    }

    /// What a failed run means for the scan.
    private static func result(_ machine: ProgramMachine, _ contentBits: UInt64) -> Result<ScanResult, PacketError> {
        let error = machine.error(contentBits: contentBits)
        return error.code == .needsMoreBytes ? .success(.needsMoreBytes) : .failure(error)
    }
}
