import Foundation

/// A small trace that a test makes, and may damage before `view` reads it.
///
///     packet header    magic 32, stream_id 32
///     packet context   timestamp_begin 64, timestamp_end 64, content_size 64, packet_size 64
///     event            id 32, timestamp 64, then
///       tick (0)       value 32
///       list (1)       length 64, values of 8 bits
///       nothing (2)    length 64, values without a bit
struct MadeTrace {
    static let metadata = """
        /* CTF 1.8 */
        typealias integer { size = 8; align = 8; signed = false; } := u8;
        typealias integer { size = 32; align = 8; signed = false; } := u32;
        typealias integer { size = 64; align = 8; signed = false; } := u64;
        trace {
            major = 1; minor = 8; byte_order = le;
            packet.header := struct { u32 magic; u32 stream_id; };
        };
        clock { name = "c"; freq = 1000000000; offset_s = 1000000000; };
        typealias integer { size = 64; align = 8; map = clock.c.value; } := time;
        stream {
            id = 7;
            packet.context := struct { time timestamp_begin; time timestamp_end; u64 content_size; u64 packet_size; };
            event.header := struct { u32 id; time timestamp; };
        };
        event { id = 0; name = "tick"; stream_id = 7; fields := struct { u32 value; }; };
        event { id = 1; name = "list"; stream_id = 7; fields := struct { u64 length; u8 values[length]; }; };
        event { id = 2; name = "nothing"; stream_id = 7; fields := struct { u64 length; struct { } values[length]; }; };

        """

    enum Event {
        case tick(UInt32)
        case list(length: UInt64, [UInt8])
        case nothing(length: UInt64)
    }

    static let preambleBytes = 40
    static let tickBytes = 16

    var metadata = Data(Self.metadata.utf8)
    var stream = Data()
    private var time: UInt64 = 0

    /// Adds a packet. Its first event is a nanosecond after the last one of the packet before.
    /// - Parameters:
    ///   - contentBits: as the packet claims; the truth without it.
    ///   - packetBits: the same.
    mutating func addPacket(
        _ events: [Event],
        magic: UInt32 = 0xC1FC_1FC1,
        streamID: UInt32 = 7,
        contentBits: UInt64? = nil,
        packetBits: UInt64? = nil,
        firstEventID: UInt32? = nil
    ) {
        let begin = time
        var body = Data()
        for (index, event) in events.enumerated() {
            time += 1
            let id = index == 0 ? firstEventID : nil
            switch event {
            case .tick(let value):
                body.append(number: id ?? 0)
                body.append(number: time)
                body.append(number: value)
            case .list(let length, let values):
                body.append(number: id ?? 1)
                body.append(number: time)
                body.append(number: length)
                body.append(contentsOf: values)
            case .nothing(let length):
                body.append(number: id ?? 2)
                body.append(number: time)
                body.append(number: length)
            }
        }
        let bits = UInt64(Self.preambleBytes + body.count) * 8
        stream.append(number: magic)
        stream.append(number: streamID)
        for value in [begin, time, contentBits ?? bits, packetBits ?? bits] { stream.append(number: value) }
        stream.append(body)
    }

    /// Puts it into a folder of a name.
    func write(to folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try metadata.write(to: URL(fileURLWithPath: folder + "/metadata"))
        try stream.write(to: URL(fileURLWithPath: folder + "/data"))
    }
}

extension Data {
    /// Little-endian.
    fileprivate mutating func append(number: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
    }
}
