/// Counts what a subscriber gets, without decoding it: looks for the numbers of events in the protobuf, no deeper than
/// it must. What comes is from our own coordinator; what is not understood is passed over.
struct FrameScan {
    /// Whether it is to tell which packets the events are from; raw only.
    let notesPackets: Bool
    private(set) var events = 0
    /// Plaintext bytes, the lengths of messages included.
    private(set) var bytes = 0
    private(set) var frames = 0
    private(set) var isWelcomed = false
    /// When each packet ended whose events may come: cycles.
    private var packetEnds: [UInt64: UInt64] = [:]
    /// Events of the frames so far by the end of their packets, until they are taken.
    private var parts: [(endCycles: UInt64, events: Int)] = []

    init(notesPackets: Bool) {
        self.notesPackets = notesPackets
    }

    /// The events that came since it was asked last, by the end of their packets.
    mutating func takeParts() -> [(endCycles: UInt64, events: Int)] {
        defer { parts.removeAll(keepingCapacity: true) }
        return parts
    }

    /// Takes a message without its length.
    mutating func take(_ message: UnsafeRawBufferPointer) throws {
        bytes += message.count + 4
        guard isWelcomed else { return try takeAnswer(message) }
        frames += 1
        var fields = WireFields(message)
        // Records stand before the events' bytes, which need no look.
        while let (field, value) = fields.next(), field != 15 {
            if field == 5, case .bytes(let record) = value { takeRecord(record) }
        }
    }

    private mutating func takeAnswer(_ message: UnsafeRawBufferPointer) throws {
        var fields = WireFields(message)
        guard fields.next()?.field == 1 else { throw MeterError("the coordinator refuses the subscription") }
        isWelcomed = true
    }

    private mutating func takeRecord(_ record: UnsafeRawBufferPointer) {
        var fields = WireFields(record)
        switch fields.next() {
        case (5, .bytes(let group))?: takeRawEvents(group)
        case (6, .bytes(let group))?:
            var members = WireFields(group)
            while let (field, _) = members.next() { events += field == 2 ? 1 : 0 }
        default: break
        }
    }

    private mutating func takeRawEvents(_ group: UnsafeRawBufferPointer) {
        var members = WireFields(group)
        // Slices stand first.
        while case (1, .bytes(let slice))? = members.next() {
            var fields = WireFields(slice)
            var (packet, count): (UInt64, UInt64) = (0, 0)
            while let (field, value) = fields.next() {
                switch (field, value) {
                case (1, .number(let number)): packet = number
                case (5, .number(let number)): count = number
                case (6, .bytes(let declaration)) where notesPackets:
                    packetEnds[packet] = Self.end(ofPacket: declaration)
                default: break
                }
            }
            events += Int(count)
            if let end = packetEnds[packet] { parts.append((end, Int(count))) }
        }
    }

    /// `timestamp_end_cycles` of a packet's index.
    private static func end(ofPacket declaration: UnsafeRawBufferPointer) -> UInt64? {
        var fields = WireFields(declaration)
        while let (field, value) = fields.next() {
            guard field == 6, case .bytes(let index) = value else { continue }
            var members = WireFields(index)
            while let (field, value) = members.next() {
                if field == 2, case .number(let cycles) = value { return cycles }
            }
        }
        return nil
    }
}

/// The fields of a protobuf message, one after the other.
struct WireFields {
    enum Value {
        case number(UInt64)
        case bytes(UnsafeRawBufferPointer)
    }

    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    mutating func next() -> (field: UInt64, value: Value)? {
        guard let tag = varint() else { return nil }
        switch tag & 7 {
        case 0: return varint().map { (tag >> 3, .number($0)) }
        case 1: return piece(8).map { (tag >> 3, .number($0.loadUnaligned(as: UInt64.self))) }
        case 2: return varint().flatMap { piece($0) }.map { (tag >> 3, .bytes($0)) }
        case 5: return piece(4).map { (tag >> 3, .number(UInt64($0.loadUnaligned(as: UInt32.self)))) }
        default: return nil
        }
    }

    private mutating func varint() -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard position < bytes.count else { return nil }
            let byte = bytes[position]
            position += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        return nil
    }

    private mutating func piece(_ count: UInt64) -> UnsafeRawBufferPointer? {
        guard count <= UInt64(bytes.count - position) else { return nil }
        defer { position += Int(count) }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<position + Int(count)])
    }
}
