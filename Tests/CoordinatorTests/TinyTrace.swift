import LTTngLive

/// The smallest trace that has all a coordinator looks at: 1 GHz clock from the epoch, packet header, context, one
/// event.
enum TinyTrace {
    /// - Parameter uuidByte: tells traces apart.
    static func metadata(uuidByte: UInt8 = 1, environment: String = "", clockUUID: String? = nil) -> [UInt8] {
        let identity = clockUUID.map { "uuid = \"\($0)\";" } ?? ""
        let digits = String(uuidByte, radix: 16)
        let byte = digits.count == 1 ? "0" + digits : digits
        let text = """
            /* CTF 1.8 */
            typealias integer { size = 64; align = 8; signed = false; } := u64;
            typealias integer { size = 32; align = 8; signed = false; } := u32;
            trace {
                major = 1; minor = 8; byte_order = le; uuid = "\(byte)000000-0000-0000-0000-000000000000";
                packet.header := struct { u32 magic; u32 stream_id; };
            };
            env { domain = "ust"; \(environment) };
            clock { name = "monotonic"; \(identity) freq = 1000000000; offset = 0; };
            typealias integer { size = 64; align = 8; map = clock.monotonic.value; } := time;
            stream {
                id = 0;
                packet.context := struct {
                    time timestamp_begin; time timestamp_end; u64 content_size; u64 packet_size;
                    u64 packet_seq_num; u64 events_discarded;
                };
                event.header := struct { u32 id; time timestamp; };
            };
            event { id = 0; name = "tiny"; stream_id = 0; fields := struct { u32 _value; }; };

            """
        return Array(text.utf8)
    }

    static let preambleBytes = 8 + 48

    /// A packet and its index; `offset` is where the relay has it.
    static func packet(
        from begin: UInt64,
        to end: UInt64,
        events: [UInt64],
        number: UInt64 = 0,
        discarded: UInt64 = 0,
        offset: UInt64
    ) -> ScriptedPacket {
        let contentBytes = preambleBytes + events.count * 16
        var bytes: [UInt8] = []
        func append(_ value: UInt64, _ count: Int) {
            for index in 0..<count { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * index))) }
        }
        append(0xC1FC_1FC1, 4)
        append(0, 4)
        for value in [begin, end, UInt64(contentBytes * 8), UInt64(contentBytes * 8), number, discarded] {
            append(value, 8)
        }
        for event in events {
            append(0, 4)
            append(event, 8)
            append(7, 4)
        }
        return ScriptedPacket(
            index: PacketIndex(
                offset: offset,
                packetBits: UInt64(contentBytes * 8),
                contentBits: UInt64(contentBytes * 8),
                timestampBegin: begin,
                timestampEnd: end,
                eventsDiscarded: discarded
            ),
            bytes: bytes
        )
    }
}

struct ScriptedPacket {
    var index: PacketIndex
    var bytes: [UInt8]
}
