import AllocationCounter
import CTF

/// A packet in memory, ready to be decoded.
struct MeasuredPacket {
    let program: TraceProgram
    let preamble: PacketPreamble
    let bytes: PacketBytes
    let contentBits: UInt64

    /// - Parameter memory: the packet, without its padding or with it; stays where it is for the process's life.
    init(_ memory: UnsafeRawBufferPointer, _ program: TraceProgram) throws(PacketError) {
        self.program = program
        bytes = PacketBytes(memory)
        preamble = try program.readPreamble(bytes)
        contentBits = preamble.contentBits ?? UInt64(memory.count) * 8
    }

    /// Scans the packet to keys, which replace those in the buffer.
    func scan(into keys: inout EventKeyBuffer) throws(PacketError) {
        keys.removeAll()
        var cursor = preamble.firstEvent
        let result = try program.scan(
            bytes,
            preamble: preamble,
            contentBits: contentBits,
            correctionNs: 0,
            cursor: &cursor,
            keys: &keys
        )
        precondition(result == .complete)
    }

    /// Visits each of `count` events.
    func visit<V: FieldVisitor>(count: Int, visitor: inout V) throws(PacketError) {
        var cursor = preamble.firstEvent
        for _ in 0..<count {
            try program.visitEvent(bytes, preamble: preamble, cursor: &cursor, visitor: &visitor)
        }
    }
}

/// Runs `body`, which returns how many events and packets it decoded.
func measured<E: Error>(_ body: () throws(E) -> (events: Int, packets: Int)) throws(E) -> Measurement {
    let allocations = tidemark_allocation_count()
    let start = Clock.threadTime.ns
    let (events, packets) = try body()
    return Measurement(
        events: events,
        packets: packets,
        cpuNs: Clock.threadTime.ns - start,
        allocations: tidemark_allocation_count() - allocations
    )
}
