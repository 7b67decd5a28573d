import CTF

/// Metadata as a tracer writes it, in two pieces: the second one adds an event class.
enum SampleMetadata {
    static func first(uuid: TraceUUID) -> String {
        """
        /* CTF 1.8 */
        typealias integer { size = 8; align = 8; signed = false; } := uint8_t;
        typealias integer { size = 16; align = 8; signed = false; } := uint16_t;
        typealias integer { size = 32; align = 8; signed = false; } := uint32_t;
        typealias integer { size = 32; align = 8; signed = true; } := int32_t;
        typealias integer { size = 64; align = 8; signed = false; } := uint64_t;
        trace {
            major = 1; minor = 8; uuid = "\(uuid)"; byte_order = le;
            packet.header := struct {
                uint32_t magic; uint8_t uuid[16]; uint32_t stream_id; uint64_t stream_instance_id;
            };
        };
        env { hostname = "traced"; domain = "ust"; };
        clock { name = "monotonic"; freq = 1000000000; offset = 1700000000000000000; };
        typealias integer { size = 64; align = 8; signed = false; map = clock.monotonic.value; } := clock_t;
        stream {
            id = 0;
            packet.context := struct {
                clock_t timestamp_begin; clock_t timestamp_end; uint64_t content_size; uint64_t packet_size;
                uint64_t packet_seq_num; uint64_t events_discarded; uint32_t cpu_id; uint16_t shelf;
            };
            event.header := struct { uint16_t id; clock_t timestamp; };
            event.context := struct { int32_t _vtid; };
        };
        event {
            name = "demo:tick"; id = 0; stream_id = 0; loglevel = 6;
            fields := struct {
                uint32_t _seqno; string _msg;
                floating_point { exp_dig = 11; mant_dig = 53; byte_order = le; align = 8; } _ratio;
                enum : uint8_t { "low" = 0 ... 3, "odd" = 1, "high" = 4 ... 255 } _level;
                uint8_t __parts_length; uint16_t _parts[__parts_length];
                struct { int32_t _x; int32_t _y; } _at;
            };
        };

        """
    }

    static let second = """
        event {
            name = "demo:mark"; id = 1; stream_id = 0;
            context := struct { uint8_t _depth; };
            fields := struct { int32_t _value; };
        };

        """
}
