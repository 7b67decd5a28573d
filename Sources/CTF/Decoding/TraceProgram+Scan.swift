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
/// The loop works on local variables alone and writes back once: no allocation, reference count, existential or access
/// to a class's property for an event. An event of constant size costs its header, a look into a table, and an
/// addition.
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

        let time = EventTime(stream, correctionNs: correctionNs)
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
            return stream.isCareful
                ? scanCarefully(machine, stream, contentBits: contentBits, time: time, cursor: &cursor, keys: keys)
                : scanQuickly(machine, stream, contentBits: contentBits, time: time, cursor: &cursor, keys: keys)
        }
        do throws(PacketError) {
            return try scanned.get()
        } catch {
            throw located(error, bytes, preamble, contentBits: contentBits, cursor: cursor)
        }
    }

    @inline(never)
    private func scanQuickly(
        _ start: ProgramMachine,
        _ stream: StreamEntry,
        contentBits: UInt64,
        time: EventTime,
        cursor: inout EventCursor,
        keys: EventKeyBuffer
    ) -> Result<ScanResult, PacketError> {
        scan(start, stream, contentBits: contentBits, time: time, cursor: &cursor, keys: keys, isCareful: false)
    }

    /// As `scanQuickly`, for programs with steps that only CTF 2 needs.
    @inline(never)
    private func scanCarefully(
        _ start: ProgramMachine,
        _ stream: StreamEntry,
        contentBits: UInt64,
        time: EventTime,
        cursor: inout EventCursor,
        keys: EventKeyBuffer
    ) -> Result<ScanResult, PacketError> {
        scan(start, stream, contentBits: contentBits, time: time, cursor: &cursor, keys: keys, isCareful: true)
    }

    @inline(__always)
    private func scan(
        _ start: ProgramMachine,
        _ stream: StreamEntry,
        contentBits: UInt64,
        time: EventTime,
        cursor: inout EventCursor,
        keys: EventKeyBuffer,
        isCareful: Bool
    ) -> Result<ScanResult, PacketError> {
        let tables = tables
        var machine = start
        var appender = keys.appender(time, cursor: cursor)
        // Before the event at hand: where the cursor is left when it cannot be read.
        var before = cursor
        var error: PacketError?
        while machine.positionBits < machine.limitBits && !appender.isFull {
            if stream.clearsSlots { tables.clearEventSlots(machine.slots, at: machine.positionBits) }

            var eventID: UInt64 = 0
            guard machine.readHeader(stream, &eventID) else {
                error = machine.error(contentBits: contentBits)
                break
            }
            let headerCycles = machine.clockCycles
            let event = tables.event(eventID, in: stream)
            guard event.isKnown else {
                error = PacketError(.unknownEventClass, atBits: before.positionBits, value: eventID)
                break
            }
            guard machine.unseenSteps(Int(event.scanStart), isCareful: isCareful) else {
                error = machine.error(contentBits: contentBits)
                break
            }
            guard machine.positionBits > before.positionBits else {
                error = PacketError(.emptyEvent, atBits: before.positionBits)
                break
            }
            appender.append(
                startBits: before.positionBits,
                headerCycles: headerCycles,
                cycles: machine.clockCycles,
                to: keys,
                time
            )
            before.positionBits = machine.positionBits
            before.clockCycles = machine.clockCycles
        }
        keys.finish(appender)
        cursor = before
        if let error { return error.code == .needsMoreBytes ? .success(.needsMoreBytes) : .failure(error) }
        if before.positionBits >= contentBits { return .success(.complete) }
        return .success(before.positionBits < machine.limitBits ? .full : .needsMoreBytes)
    }
}
