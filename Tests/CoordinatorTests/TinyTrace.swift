import LTTngLive

/// The smallest trace that has all a coordinator looks at: 1 GHz clock from the epoch, packet header, context, one
/// event.
enum TinyTrace {
    /// - Parameter uuidByte: tells traces apart.
    static func metadata(
        uuidByte: UInt8 = 1,
        environment: String = "",
        clockUUID: String? = nil,
        clockName: String = "monotonic",
        frequencyHz: UInt64 = 1_000_000_000,
        offsetSeconds: Int64 = 0,
        offsetCycles: UInt64 = 0
    ) -> [UInt8] {
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
            clock {
                name = "\(clockName)"; \(identity) freq = \(frequencyHz);
                offset_s = \(offsetSeconds); offset = \(offsetCycles);
            };
            typealias integer { size = 64; align = 8; map = clock.\(clockName).value; } := time;
            stream {
                id = 0;
                packet.context := struct {
                    time timestamp_begin; time timestamp_end; u64 content_size; u64 packet_size;
                    u64 packet_seq_num; u64 events_discarded;
                };
                event.header := struct { u32 id; time timestamp; };
            };
            \(eventText(0, name: "tiny"))
            """
        return Array(text.utf8)
    }

    /// What declares another event class.
    static func eventText(_ id: UInt64, name: String) -> String {
        """
        event { id = \(id); name = "\(name)"; stream_id = 0; fields := struct { u32 _value; }; };

        """
    }

    static let preambleBytes = 8 + 48

    /// A packet and its index; `offset` is where the relay has it.
    static func packet(
        from begin: UInt64,
        to end: UInt64,
        events: [UInt64],
        number: UInt64 = 0,
        discarded: UInt64 = 0,
        offset: UInt64,
        event id: UInt64 = 0,
        value: UInt64 = 7
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
            append(id, 4)
            append(event, 8)
            append(value, 4)
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

extension TinyTrace {
    /// The same trace in CTF 2.
    static var metadataOfCTF2: [UInt8] {
        func unsigned(_ bits: Int, _ role: String? = nil) -> String {
            let roles = role.map { #","roles":["\#($0)"]"# } ?? ""
            return #"{"type":"fixed-length-unsigned-integer","length":\#(bits),"byte-order":"little-endian","#
                + #""alignment":8\#(roles)}"#
        }
        func structure(_ members: [(name: String, fieldClass: String)]) -> String {
            let list = members.map { #"{"name":"\#($0.name)","field-class":\#($0.fieldClass)}"# }
            return #"{"type":"structure","member-classes":[\#(list.joined(separator: ","))]}"#
        }
        let header = structure([
            ("magic", unsigned(32, "packet-magic-number")), ("stream_id", unsigned(32, "data-stream-class-id")),
        ])
        let context = structure([
            ("timestamp_begin", unsigned(64, "default-clock-timestamp")),
            ("timestamp_end", unsigned(64, "packet-end-default-clock-timestamp")),
            ("content_size", unsigned(64, "packet-content-length")),
            ("packet_size", unsigned(64, "packet-total-length")),
            ("packet_seq_num", unsigned(64, "packet-sequence-number")),
            ("events_discarded", unsigned(64, "discarded-event-record-counter-snapshot")),
        ])
        let event = structure([
            ("id", unsigned(32, "event-record-class-id")), ("timestamp", unsigned(64, "default-clock-timestamp")),
        ])
        let fragments = [
            #"{"type":"preamble","version":2}"#,
            #"{"type":"trace-class","environment":{"domain":"ust"},"packet-header-field-class":\#(header)}"#,
            #"{"type":"clock-class","id":"monotonic","name":"monotonic","frequency":1000000000,"origin":"unix-epoch"}"#,
            #"{"type":"data-stream-class","id":0,"default-clock-class-id":"monotonic","#
                + #""packet-context-field-class":\#(context),"event-record-header-field-class":\#(event)}"#,
            #"{"type":"event-record-class","id":0,"data-stream-class-id":0,"name":"tiny","payload-field-class":"#
                + structure([("value", unsigned(32))]) + "}",
        ]
        return fragments.flatMap { [0x1E] + Array($0.utf8) + [0x0A] }
    }
}
