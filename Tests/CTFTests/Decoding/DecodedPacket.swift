import CTF
import PacketWriter

/// What a program makes of a packet's bytes.
struct DecodedPacket {
    let program: TraceProgram
    let preamble: PacketPreamble
    var contentBits: UInt64
    var keys: [EventKey] = []
    /// The clock before each event, and after the last.
    var cycles: [UInt64] = []
    var error: PacketError?

    /// Scans the whole packet at once.
    init(
        _ program: TraceProgram,
        _ bytes: [UInt8],
        correctionNs: Int64 = 0,
        keysMax: Int = 1000
    ) throws(PacketError) {
        self.program = program
        let preamble = try bytes.withPacketBytes { packet throws(PacketError) in try program.readPreamble(packet) }
        self.preamble = preamble
        contentBits = preamble.contentBits ?? UInt64(bytes.count) * 8
        var buffer = EventKeyBuffer(capacity: keysMax)
        var cursor = preamble.firstEvent
        do throws(PacketError) {
            let contentBits = contentBits
            let result = try bytes.withPacketBytes { packet throws(PacketError) in
                try program.scan(
                    packet,
                    preamble: preamble,
                    contentBits: contentBits,
                    correctionNs: correctionNs,
                    cursor: &cursor,
                    keys: &buffer
                )
            }
            if result == .needsMoreBytes { error = PacketError(.needsMoreBytes, atBits: cursor.positionBits) }
        } catch {
            self.error = error
        }
        take(buffer)
    }

    mutating func take(_ buffer: EventKeyBuffer) {
        keys = Array(buffer.keys)
        cycles = (0...buffer.count).map { buffer.cyclesBefore($0) }
    }

    /// Visits the event at a cursor.
    static func visit(
        _ program: TraceProgram,
        _ bytes: [UInt8],
        _ preamble: PacketPreamble,
        _ cursor: inout EventCursor
    ) throws(PacketError) -> [Visited] {
        var visitor = RecordingVisitor(program)
        try bytes.withPacketBytes { packet throws(PacketError) in
            try program.visitEvent(packet, preamble: preamble, cursor: &cursor, visitor: &visitor)
        }
        return visitor.calls
    }
}

extension [UInt8] {
    /// The bytes as a packet, in memory that is exactly as long, so that a read past it is caught by a sanitizer.
    func withPacketBytes<R>(
        firstByte: Int = 0,
        _ body: (PacketBytes) throws(PacketError) -> R
    ) throws(PacketError) -> R {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count - firstByte, alignment: 1)
        defer { memory.deallocate() }
        memory.copyBytes(from: self[firstByte...])
        return try body(PacketBytes(UnsafeRawBufferPointer(memory), firstByte: firstByte))
    }
}
