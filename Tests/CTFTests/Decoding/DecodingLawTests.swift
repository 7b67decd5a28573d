import CTF
import PacketWriter
import Testing

/// Laws that hold for every trace class and every packet: classes, values and cuts are drawn from seeds.
@Suite struct DecodingLawTests {
    static let seeds = Array(UInt64(0)..<200)

    @Test(arguments: seeds)
    func `what was written is what is visited`(seed: UInt64) throws {
        let trace = Self.trace(seed)
        let program = try TraceProgram(trace)
        for stream in trace.streamClasses.indices {
            let packet = WrittenPacket(trace, stream: stream, eventCount: 12, seed: seed)
            let decoded = try DecodedPacket(program, packet.bytes)
            var cursor = decoded.preamble.firstEvent
            #expect(cursor.positionBits == packet.firstEventBits)
            for event in packet.events {
                #expect(cursor.positionBits == event.startBits)
                let calls = try DecodedPacket.visit(program, packet.bytes, decoded.preamble, &cursor)
                #expect(calls == event.calls)
            }
            #expect(cursor.positionBits == packet.contentBits)
        }
    }

    @Test(arguments: seeds)
    func `a scan finds each event where it was written and when`(seed: UInt64) throws {
        let trace = Self.trace(seed)
        let program = try TraceProgram(trace)
        let conversion = ClockConversion(trace.clocks[0])
        for stream in trace.streamClasses.indices {
            let packet = WrittenPacket(trace, stream: stream, eventCount: 20, seed: seed)
            let decoded = try DecodedPacket(program, packet.bytes, correctionNs: -5)
            #expect(decoded.error == nil)
            #expect(decoded.contentBits == packet.contentBits)
            #expect(decoded.preamble.streamClassID == packet.streamClassID)
            #expect(decoded.preamble.timestampBeginCycles == packet.timestampBegin)
            #expect(decoded.keys.map(\.startBits) == packet.events.map(\.startBits))
            #expect(decoded.keys.map(\.timestampNs) == packet.events.map { conversion.nanoseconds($0.cycles) - 5 })
            #expect(decoded.cycles == [packet.timestampBegin] + packet.events.map(\.cycles))
        }
    }

    @Test(arguments: seeds)
    func `the packet context is visited without bookkeeping`(seed: UInt64) throws {
        let trace = Self.trace(seed)
        let program = try TraceProgram(trace)
        let packet = WrittenPacket(trace, stream: 1, eventCount: 0, seed: seed)
        let preamble = try DecodedPacket(program, packet.bytes).preamble
        var visitor = RecordingVisitor(program)
        try packet.bytes.withPacketBytes { bytes throws(PacketError) in
            try program.visitPacketContext(bytes, preamble: preamble, visitor: &visitor)
        }
        #expect(visitor.calls == packet.contextCalls)
        #expect(visitor.calls.contains { if case .unsigned("cpu_id", preamble.cpuID) = $0 { true } else { false } })
    }

    @Test(arguments: seeds.prefix(60))
    func `any prefix of the bytes gives the keys of its whole events, and the rest follows`(seed: UInt64) throws {
        let trace = Self.trace(seed)
        let program = try TraceProgram(trace)
        let packet = WrittenPacket(trace, stream: 0, eventCount: 5, seed: seed)
        let whole = try DecodedPacket(program, packet.bytes)
        for cut in Int(packet.firstEventBits + 7) / 8...packet.bytes.count {
            var split = whole
            try Self.scan(&split, packet.bytes, cuts: [cut, packet.bytes.count])
            #expect(split.keys == whole.keys && split.cycles == whole.cycles, "cut at \(cut)")
        }
        var drip = whole
        try Self.scan(&drip, packet.bytes, cuts: Array(Int(packet.firstEventBits + 7) / 8...packet.bytes.count))
        #expect(drip.keys == whole.keys && drip.cycles == whole.cycles)
    }

    @Test(arguments: seeds.prefix(60))
    func `a preamble cut short asks for more bytes`(seed: UInt64) throws {
        let trace = Self.trace(seed)
        let program = try TraceProgram(trace)
        let packet = WrittenPacket(trace, stream: 0, eventCount: 0, seed: seed)
        for count in 0..<Int(packet.firstEventBits + 7) / 8 {
            #expect {
                _ = try DecodedPacket(program, Array(packet.bytes[..<count]))
            } throws: {
                ($0 as? PacketError)?.code == .needsMoreBytes
            }
        }
    }

    @Test(arguments: seeds.prefix(100))
    func `bytes from an event on are enough to visit it`(seed: UInt64) throws {
        let trace = Self.trace(seed)
        let program = try TraceProgram(trace)
        let packet = WrittenPacket(trace, stream: 1, eventCount: 8, seed: seed)
        let decoded = try DecodedPacket(program, packet.bytes)
        for (index, key) in decoded.keys.enumerated() {
            var cursor = EventCursor(positionBits: key.startBits, clockCycles: decoded.cycles[index])
            let end = decoded.keys.count > index + 1 ? decoded.keys[index + 1].startBits : packet.contentBits
            let bytes = Array(packet.bytes[..<Int((end + 7) / 8)])
            var visitor = RecordingVisitor(program)
            try bytes.withPacketBytes(firstByte: Int(key.startBits / 8)) { slice throws(PacketError) in
                try program.visitEvent(slice, preamble: decoded.preamble, cursor: &cursor, visitor: &visitor)
            }
            #expect(visitor.calls == packet.events[index].calls)
            #expect(cursor.positionBits == end)
        }
    }

    @Test(arguments: seeds)
    func `damaged bytes never trap, and scan and visit agree on them`(seed: UInt64) throws {
        let trace = Self.trace(seed)
        let program = try TraceProgram(trace)
        var packet = WrittenPacket(trace, stream: 0, eventCount: 8, seed: seed).bytes
        var random = SeededRandom(seed: seed)
        for _ in 0..<20 {
            packet[.random(in: 0..<packet.count, using: &random)] = .random(in: 0...255, using: &random)
            guard let decoded = try? DecodedPacket(program, packet) else { continue }
            for (index, key) in decoded.keys.enumerated() {
                var cursor = EventCursor(positionBits: key.startBits, clockCycles: decoded.cycles[index])
                _ = try DecodedPacket.visit(program, packet, decoded.preamble, &cursor)
                #expect(cursor.clockCycles == decoded.cycles[index + 1])
                if index + 1 < decoded.keys.count { #expect(cursor.positionBits == decoded.keys[index + 1].startBits) }
            }
            if let error = decoded.error, error.code != .needsMoreBytes, let last = decoded.keys.last {
                #expect(error.positionBits >= last.startBits)
            }
        }
    }

    // MARK: helpers

    static func trace(_ seed: UInt64) -> TraceClass {
        var random = RandomTraceClass(seed: seed)
        return random.make()
    }

    /// Scans growing prefixes of the bytes, at most two keys at a time.
    static func scan(_ decoded: inout DecodedPacket, _ bytes: [UInt8], cuts: [Int]) throws(PacketError) {
        var buffer = EventKeyBuffer(capacity: 1000)
        var cursor = decoded.preamble.firstEvent
        let (preamble, contentBits) = (decoded.preamble, decoded.contentBits)
        for cut in cuts {
            // Also what has been consumed may be gone from memory.
            let part = Array(bytes[..<cut])
            let first = Int(cursor.positionBits / 8)
            let result = try part.withPacketBytes(firstByte: first) { packet throws(PacketError) in
                try decoded.program.scan(
                    packet,
                    preamble: preamble,
                    contentBits: contentBits,
                    correctionNs: 0,
                    cursor: &cursor,
                    keys: &buffer
                )
            }
            #expect(result == (cursor.positionBits == contentBits ? .complete : .needsMoreBytes))
        }
        decoded.take(buffer)
    }
}
