package import CTF
package import Feed

/// A trace written by hand: metadata text, and packets of bytes.
package struct HandmadeTrace {
    package struct Failure: Error {}

    package let program: TraceProgram
    package let trace: FeedTrace

    /// - Parameter relay: empty for a stored trace, which has neither host nor session.
    package init(
        _ metadata: String,
        relay: String = "alpha",
        host: String = "web-1",
        session: String = "S",
        id: UInt64 = 1
    ) throws {
        var reader = MetadataReader()
        // CTF 2 is told by its first byte.
        try Array((metadata.hasPrefix("\u{1E}") ? metadata : "/* CTF 1.8 */\n" + metadata).utf8).withUnsafeBytes {
            bytes throws in
            try reader.append(bytes)
            try reader.finish()
        }
        guard let traceClass = reader.traceClass else { throw Failure() }
        program = try TraceProgram(traceClass)
        trace = FeedTrace(
            id: id,
            relay: relay,
            host: relay.isEmpty ? "" : host,
            session: relay.isEmpty ? "" : session,
            sessionID: 9,
            path: "ust/uid/1000/64-bit"
        )
    }

    /// A packet without packet header: events only.
    package func slice(_ bytes: [UInt8], events: Int, stream: UInt64 = 3, correction: TimeCorrection = .none) throws
        -> EventSlice
    {
        let storage = ByteStorage(capacity: bytes.count)
        bytes.withUnsafeBytes { storage.write($0, at: 0) }
        let preamble = try program.readPreamble(PacketBytes(storage.bytes))
        let packet = FeedPacket(
            id: stream,
            trace: trace,
            stream: FeedStream(id: stream, traceID: trace.id, liveStreamID: stream + 40, channel: "channel0"),
            program: program,
            metadataBytes: 1,
            preamble: preamble,
            preambleStorage: storage,
            correction: correction
        )
        return EventSlice(
            packet: packet,
            storage: storage,
            storageOffset: Int(preamble.firstEventBits / 8),
            firstBits: preamble.firstEventBits,
            endBits: UInt64(bytes.count) * 8,
            clockCycles: preamble.clockCycles,
            eventCount: events,
            opensPacket: true
        )
    }
}

/// Fixed-width numbers in little-endian order.
package func little<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
}

extension EventGroup {
    package init(_ slices: [EventSlice], order: [(Int, Int)], late: [Late] = []) {
        self.init(
            slices: slices,
            order: order.map { Run(slice: UInt32($0.0), count: UInt32($0.1)) },
            late: late,
            eventCount: order.reduce(0) { $0 + $1.1 }
        )
    }
}

/// A trace of one event class with a time and a number.
package let tickMetadata = """
    trace { major = 1; minor = 8; byte_order = le; };
    clock { name = c; freq = 1000000000; absolute = true; };
    stream {
        event.header := struct {
            integer { size = 64; align = 8; signed = false; map = clock.c.value; } timestamp;
        };
    };
    event { name = "tick"; id = 0; fields := struct { integer { size = 8; align = 8; signed = true; } x; }; };
    """

/// The bytes of a tick.
package func tick(_ ns: UInt64, _ x: Int8) -> [UInt8] {
    little(ns) + little(x)
}
