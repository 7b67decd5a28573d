import CTF
import LTTngLive
import SimulatedRelay

/// The traces of simulated worlds: small, but with all that order depends on.
struct TraceText {
    var uuid: TraceUUID
    var clockUUID: TraceUUID
    /// Nanoseconds since the epoch that cycles are counted from.
    var offsetNs: Int64
    /// `kernel` or `ust`.
    var domain: String
    /// The session's creation, which its domains have in common.
    var creation: String

    var metadata: [UInt8] {
        Array(
            """
            /* CTF 1.8 */
            typealias integer { size = 64; align = 8; signed = false; } := u64;
            typealias integer { size = 32; align = 8; signed = false; } := u32;
            typealias integer { size = 8; align = 8; signed = false; } := u8;
            trace {
                major = 1; minor = 8; byte_order = le; uuid = "\(uuid)";
                packet.header := struct { u32 magic; u8 uuid[16]; u32 stream_id; u64 stream_instance_id; };
            };
            env { domain = "\(domain)"; trace_creation_datetime = "\(creation)"; };
            clock { name = "monotonic"; uuid = "\(clockUUID)"; freq = 1000000000; offset = \(offsetNs); };
            typealias integer { size = 64; align = 8; map = clock.monotonic.value; } := time;
            stream {
                id = 0;
                packet.context := struct {
                    time timestamp_begin; time timestamp_end; u64 content_size; u64 packet_size;
                    u64 packet_seq_num; u64 events_discarded;
                };
                event.header := struct { u32 id; time timestamp; };
            };
            event { id = 0; name = "world:event"; stream_id = 0; fields := struct { u64 _number; }; };

            """.utf8
        )
    }
}

/// Writes a packet of such a trace.
struct PacketText {
    var uuid: TraceUUID
    var instanceID: UInt64
    var beginCycles: UInt64
    var endCycles: UInt64
    var sequenceNumber: UInt64
    var discarded: UInt64
    /// Where the relay has it, bytes.
    var offset: UInt64
    var events: [(cycles: UInt64, number: UInt64)]

    private static let preambleBytes = 4 + 16 + 4 + 8 + 48
    private static let eventBytes = 20

    /// The packet and its index.
    func written() -> (index: PacketIndex, bytes: [UInt8]) {
        let contentBits = UInt64(Self.preambleBytes + events.count * Self.eventBytes) * 8
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(contentBits / 8))
        func append<Integer: FixedWidthInteger>(_ value: Integer) {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        append(UInt32(0xC1FC_1FC1))
        append(uuid.high.byteSwapped)
        append(uuid.low.byteSwapped)
        append(UInt32(0))
        append(instanceID)
        for value in [beginCycles, endCycles, contentBits, contentBits, sequenceNumber, discarded] { append(value) }
        for event in events {
            append(UInt32(0))
            append(event.cycles)
            append(event.number)
        }
        let index = PacketIndex(
            offset: offset,
            packetBits: contentBits,
            contentBits: contentBits,
            timestampBegin: beginCycles,
            timestampEnd: endCycles,
            eventsDiscarded: discarded
        )
        return (index, bytes)
    }
}
