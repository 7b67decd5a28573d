import ArgumentParser
import CTF
import PacketWriter

/// Decodes packets that are made here: the same bytes in each run, so that instructions can be counted.
struct GeneratedRun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generated",
        abstract: "Scan or visit generated packets as LTTng writes them."
    )

    enum Work: String, ExpressibleByArgument {
        case scan
        case visit
    }

    enum Shape: String, ExpressibleByArgument {
        /// Compact headers; an integer, a string, a double and a sequence.
        case compact
        /// As `compact`, with large headers.
        case large
        /// Compact headers; one integer: a scan passes over all of it at once.
        case fixed
    }

    /// Events in a packet.
    static let packetEvents = 1000

    @Argument(help: "scan or visit")
    var work: Work

    @Option(help: "compact, large or fixed")
    var shape = Shape.compact

    @Option(help: "How often to decode the packet of \(Self.packetEvents) events.")
    var packets = 100

    func run() throws {
        let trace = shape.trace
        let bytes = shape.packet(eventCount: Self.packetEvents)
        let program = try TraceProgram(trace.traceClass)
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
        memory.copyBytes(from: bytes)
        let packet = try MeasuredPacket(UnsafeRawBufferPointer(memory), program)

        var keys = EventKeyBuffer(capacity: Self.packetEvents)
        var sum = ValueSum()
        let packets = packets
        try measured { () throws(PacketError) in
            for _ in 0..<packets {
                switch work {
                case .scan: try packet.scan(into: &keys)
                case .visit: try packet.visit(count: Self.packetEvents, visitor: &sum)
                }
            }
            return (packets * Self.packetEvents, packets)
        }.printJSON()
        precondition(work == .scan ? keys.count == Self.packetEvents : sum.values > 0)
    }
}

extension GeneratedRun.Shape {
    var trace: LTTngTrace { LTTngTrace(header: self == .large ? .large : .compact) }

    /// A packet of events that are numbered from 0.
    func packet(eventCount: Int) -> [UInt8] {
        trace.writePacket(
            events: (0..<eventCount).map { index in
                let cycles = UInt64(1_000_000 + index * 500)
                return self == .fixed
                    ? LTTngTrace.mark(at: cycles, value: Int64(index))
                    : LTTngTrace.tick(at: cycles, seqno: UInt64(index), msg: "GET /index", bytes: [1, 2, 3, 4])
            }
        )
    }
}

/// Looks at every value, as cheaply as can be.
private struct ValueSum: FieldVisitor {
    var values: UInt64 = 0
    private var sum: UInt64 = 0

    mutating func beginEvent(_ event: Int, clockCycles: UInt64) { sum &+= clockCycles }
    mutating func endEvent() {}
    mutating func beginScope(_ scope: FieldScope) {}
    mutating func endScope(_ scope: FieldScope) {}
    mutating func beginStructure(_ field: FieldID) {}
    mutating func endStructure(_ field: FieldID) {}
    mutating func beginArray(_ field: FieldID, count: Int) { sum &+= UInt64(count) }
    mutating func endArray(_ field: FieldID) {}
    mutating func beginVariant(_ field: FieldID, option: Int) {}
    mutating func endVariant(_ field: FieldID) {}
    mutating func beginOptional(_ field: FieldID, isPresent: Bool) {}
    mutating func endOptional(_ field: FieldID) {}
    mutating func unsigned(_ value: UInt64, _ field: FieldID) { take(value) }
    mutating func signed(_ value: Int64, _ field: FieldID) { take(UInt64(bitPattern: value)) }
    mutating func float(_ value: Float, _ field: FieldID) { take(UInt64(value.bitPattern)) }
    mutating func double(_ value: Double, _ field: FieldID) { take(value.bitPattern) }
    mutating func text(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) { take(UInt64(bytes.count)) }
    mutating func blob(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) { take(UInt64(bytes.count)) }

    private mutating func take(_ value: UInt64) {
        values &+= 1
        sum &+= value
    }
}
