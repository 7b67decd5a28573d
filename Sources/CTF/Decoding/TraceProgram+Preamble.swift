extension TraceProgram {
    /// Reads a packet's header and context.
    ///
    /// - Parameters:
    ///   - bytes: the packet from its first byte on; the preamble must lie in them whole.
    ///   - clockCycles: the stream's clock before the packet, that is after the packet before it: timestamps of less
    ///     than 64 bits go on from there. 0 before a stream's first packet.
    /// - Returns: what they say. Where only one of packet size and content size is given, both are that.
    /// - Throws: `needsMoreBytes` when `bytes` end before the preamble does; anything else is wrong with the packet.
    package func readPreamble(_ bytes: PacketBytes, clockCycles: UInt64 = 0) throws(PacketError) -> PacketPreamble {
        precondition(bytes.firstByte == 0)
        let result = withUnsafeTemporaryAllocation(of: UInt64.self, capacity: tables.slotCount) { buffer in
            buffer.initialize(repeating: 0)
            // There is at least the scratch slot, so there is an address.
            return buffer.baseAddress.map { readPreamble(bytes, clockCycles: clockCycles, slots: $0) }
        }
        guard let result else { throw PacketError(.foreignPreamble, atBits: 0) }
        return try result.get()
    }

    private func readPreamble(
        _ bytes: PacketBytes,
        clockCycles: UInt64,
        slots: UnsafeMutablePointer<UInt64>
    ) -> Result<PacketPreamble, PacketError> {
        var machine = ProgramMachine(
            tables: tables,
            bytes: bytes,
            slots: slots,
            limitBits: bytes.endBits,
            cursor: EventCursor(positionBits: 0, clockCycles: clockCycles)
        )
        // How long the packet is stands in what is being read: until then, more bytes may always come.
        guard machine.runUnseen(tables.packetHeaderStart) else { return .failure(machine.error(contentBits: .max)) }
        let id = machine.role(RunSlot.streamClassID)
        guard let index = streamIndex(id) else {
            return .failure(PacketError(.unknownStreamClass, atBits: machine.positionBits, value: id ?? 0))
        }
        guard machine.runUnseen(tables.streams[index].contextStart) else {
            return .failure(machine.error(contentBits: machine.role(RunSlot.contentBits) ?? .max))
        }
        let totalBits = machine.role(RunSlot.totalBits)
        let contentBits = machine.role(RunSlot.contentBits)
        let end = machine.role(RunSlot.timestampEnd)
        let endBits = end == nil ? 64 : UInt8(min(slots[RunSlot.timestampEndBits], 64))
        let preamble = PacketPreamble(
            traceUUID: machine.role(RunSlot.uuidHigh).map { TraceUUID(high: $0, low: slots[RunSlot.uuidLow]) },
            streamClassID: tables.streams[index].id,
            streamInstanceID: machine.role(RunSlot.streamInstanceID),
            // A packet ends with the byte that its content ends in.
            totalBits: totalBits ?? contentBits.map { $0 > .max - 7 ? $0 : ($0 + 7) & ~7 },
            contentBits: contentBits ?? totalBits,
            timestampBeginCycles: machine.role(RunSlot.timestampBegin),
            timestampEndCycles: end.map { machine.clock(after: $0, size: endBits) },
            timestampEndBits: endBits,
            sequenceNumber: machine.role(RunSlot.sequenceNumber),
            discardedEvents: machine.role(RunSlot.discardedEvents),
            cpuID: machine.role(RunSlot.cpuID),
            firstEventBits: machine.positionBits,
            clockCycles: machine.clockCycles,
            streamIndex: index,
            savedValues: (0..<tables.savedCount).map { slots[tables.savedStart + $0] }
        )
        if let error = preamble.sizeError { return .failure(error) }
        return .success(preamble)
    }

    /// The stream class with this id; the only one where packets carry no id.
    private func streamIndex(_ id: UInt64?) -> Int? {
        if let id { return tables.streams.firstIndex { $0.id == id } }
        return tables.streams.count == 1 ? 0 : tables.streams.firstIndex { $0.id == 0 }
    }
}

extension ProgramMachine {
    /// The value of a field with a role, if there was one.
    fileprivate func role(_ slot: Int) -> UInt64? {
        slots[RunSlot.rolesRead] & (1 << UInt64(slot)) == 0 ? nil : slots[slot]
    }
}

extension PacketPreamble {
    /// What is wrong with the packet's sizes.
    fileprivate var sizeError: PacketError? {
        if let totalBits, totalBits % 8 != 0 || totalBits < firstEventBits {
            return PacketError(.badPacketSize, atBits: firstEventBits, value: totalBits)
        }
        if let contentBits, contentBits < firstEventBits || contentBits > totalBits ?? .max {
            return PacketError(.badContentSize, atBits: firstEventBits, value: contentBits)
        }
        return nil
    }
}
