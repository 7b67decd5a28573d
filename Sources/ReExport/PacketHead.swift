import CTF
import Feed

/// A packet's header and context, and what they say of its stream.
struct PacketHead: Sendable {
    /// From the packet's start to its first event.
    private(set) var bytes: [UInt8]
    /// The end of them, bits.
    let firstEventBits: UInt64
    let classID: UInt64
    /// The packet's number in its stream; nil where packets have none.
    private(set) var sequenceNumber: UInt64?
    /// How many events the tracer had discarded by the packet's end; nil where it does not count.
    let discardedEvents: UInt64?
    private let program: TraceProgram

    /// No longer than this is written anew, bits.
    private static var bitsMax: UInt64 { 1 << 16 }

    init(_ packet: FeedPacket) {
        bytes = withExtendedLifetime(packet) { Array(packet.preambleBytes) }
        firstEventBits = packet.preamble.firstEventBits
        classID = packet.preamble.streamClassID
        sequenceNumber = packet.preamble.sequenceNumber
        discardedEvents = packet.preamble.discardedEvents
        program = packet.program
    }

    /// Written anew of what is known of a packet whose bytes are gone: what says nothing of the stream is zeros.
    /// - Returns: nil where something that has to be right has no place of its own.
    init?(_ index: FeedPacketIndex, _ program: TraceProgram) {
        let traceClass = program.traceClass
        guard let layout = PreambleLayout(traceClass, streamClassID: index.streamClassID),
            let bits = layout.preambleBits, bits % 8 == 0, bits <= Self.bitsMax
        else { return nil }
        var bytes = [UInt8](repeating: 0, count: Int(bits / 8))
        for field in layout.fields {
            switch field.meaning {
            case .magicNumber: field.write(0xC1FC_1FC1, to: &bytes)
            case .streamClassID: field.write(index.streamClassID, to: &bytes)
            case .streamInstanceID: field.write(index.streamInstanceID ?? 0, to: &bytes)
            case .sequenceNumber: field.write(index.sequenceNumber ?? 0, to: &bytes)
            case .discardedEvents: field.write(index.discardedEvents ?? 0, to: &bytes)
            case .totalBits, .contentBits: field.write(bits, to: &bytes)
            case .timestampBegin, .timestampEnd: field.write(index.timestampEndCycles ?? 0, to: &bytes)
            }
        }
        if let uuid = traceClass.uuid { layout.write(uuid, to: &bytes) }
        // What is read of it must be what it was written of.
        let preamble = bytes.withUnsafeBytes { try? program.readPreamble(PacketBytes($0)) }
        guard let preamble, preamble.firstEventBits == bits, preamble.streamClassID == index.streamClassID,
            preamble.streamInstanceID == index.streamInstanceID, preamble.sequenceNumber == index.sequenceNumber,
            preamble.discardedEvents == index.discardedEvents
        else { return nil }
        self.bytes = bytes
        firstEventBits = bits
        classID = index.streamClassID
        sequenceNumber = index.sequenceNumber
        discardedEvents = index.discardedEvents
        self.program = program
    }

    /// Where its fields lie; nil where only the packet tells.
    /// - Complexity: O(field classes of its stream class).
    var layout: PreambleLayout? { PreambleLayout(program.traceClass, streamClassID: classID) }

    /// The head of a packet of the stream that has no events.
    /// - Parameters:
    ///   - cycles: where it begins and ends.
    ///   - number: its number in the stream, where packets have one.
    /// - Returns: nil where it cannot be written.
    func empty(at cycles: UInt64, numbered number: UInt64?) -> PacketHead? {
        guard let layout, layout.isSized, layout[.timestampBegin] != nil, layout[.timestampEnd] != nil,
            firstEventBits % 8 == 0
        else { return nil }
        var head = self
        head.sequenceNumber = number
        for field in layout.fields {
            switch field.meaning {
            case .timestampBegin, .timestampEnd: field.write(cycles, to: &head.bytes)
            case .totalBits, .contentBits: field.write(firstEventBits, to: &head.bytes)
            case .sequenceNumber: if let number { field.write(number, to: &head.bytes) }
            case .discardedEvents, .magicNumber, .streamClassID, .streamInstanceID: break
            }
        }
        return head
    }
}
