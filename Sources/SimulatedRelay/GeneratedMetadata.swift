import CTF

/// The metadata of a generated host, in TSDL: shaped as LTTng-UST shapes its own, with its compact event header.
struct GeneratedMetadata {
    let text: String

    init(_ host: GeneratedHost) {
        let uuid = host.traceUUID.description
        let start = host.epochOffsetNs + host.startsAtNs
        text = """
            /* CTF 1.8 */

            typealias integer { size = 8; align = 8; signed = false; } := uint8_t;
            typealias integer { size = 16; align = 8; signed = false; } := uint16_t;
            typealias integer { size = 32; align = 8; signed = false; } := uint32_t;
            typealias integer { size = 64; align = 8; signed = false; } := uint64_t;
            typealias integer { size = 5; align = 1; signed = false; } := uint5_t;
            typealias integer { size = 27; align = 1; signed = false; } := uint27_t;

            trace {
                major = 1;
                minor = 8;
                uuid = "\(uuid)";
                byte_order = le;
                packet.header := struct {
                    uint32_t magic;
                    uint8_t uuid[16];
                    uint32_t stream_id;
                    uint64_t stream_instance_id;
                };
            };

            env {
                hostname = "\(host.hostname)";
                domain = "ust";
                tracer_name = "lttng-ust";
                tracer_major = 2;
                tracer_minor = 13;
                tracer_buffering_scheme = "uid";
                tracer_buffering_id = 1000;
                architecture_bit_width = 64;
                trace_name = "\(host.sessionName)";
                trace_creation_datetime = "\(Self.dateTime(secondsSinceEpoch: start / 1_000_000_000))";
            };

            clock {
                name = "monotonic";
                uuid = "\(host.clockUUID)";
                description = "Monotonic Clock";
                freq = 1000000000;
                offset = \(host.epochOffsetNs);
            };

            \(Self.layout)
            \(Self.events)
            """
    }

    private static let layout = """
        typealias integer { size = 27; align = 1; signed = false; map = clock.monotonic.value; } := uint27_clock_t;
        typealias integer { size = 64; align = 8; signed = false; map = clock.monotonic.value; } := uint64_clock_t;

        struct packet_context {
            uint64_clock_t timestamp_begin;
            uint64_clock_t timestamp_end;
            uint64_t content_size;
            uint64_t packet_size;
            uint64_t packet_seq_num;
            uint64_t events_discarded;
            uint32_t cpu_id;
        };

        struct event_header_compact {
            enum : uint5_t { compact = 0 ... 30, extended = 31 } id;
            variant <id> {
                struct {
                    uint27_clock_t timestamp;
                } compact;
                struct {
                    uint32_t id;
                    uint64_clock_t timestamp;
                } extended;
            } v;
        } align(8);

        stream {
            id = 0;
            event.header := struct event_header_compact;
            packet.context := struct packet_context;
            event.context := struct {
                integer { size = 32; align = 8; signed = true; } _vpid;
                integer { size = 8; align = 8; signed = false; encoding = UTF8; } _procname[17];
            };
        };

        """

    private static let events = """
        event {
            name = "web:request";
            id = 0;
            stream_id = 0;
            loglevel = 6;
            fields := struct {
                uint64_t _id;
                enum : uint8_t { "GET", "POST", "PUT", "DELETE" } _method;
                string _path;
            };
        };

        event {
            name = "web:response";
            id = 1;
            stream_id = 0;
            loglevel = 6;
            fields := struct {
                uint64_t _id;
                uint16_t _status;
                uint32_t _bytes;
                floating_point { exp_dig = 11; mant_dig = 53; align = 8; } _duration_ms;
            };
        };

        event {
            name = "db:query";
            id = 2;
            stream_id = 0;
            loglevel = 13;
            fields := struct {
                string _statement;
                integer { size = 32; align = 8; signed = true; } _rows;
                uint8_t __parameters_length;
                integer { size = 64; align = 8; signed = true; } _parameters[ __parameters_length ];
            };
        };

        event {
            name = "cache:lookup";
            id = 3;
            stream_id = 0;
            loglevel = 13;
            fields := struct {
                enum : uint8_t { "miss", "hit", "stale" } _outcome;
                integer { size = 64; align = 8; signed = false; base = 16; } _key;
                floating_point { exp_dig = 8; mant_dig = 24; align = 8; } _load;
            };
        };

        event {
            name = "sensor:sample";
            id = 4;
            stream_id = 0;
            loglevel = 13;
            fields := struct {
                floating_point { exp_dig = 8; mant_dig = 24; align = 8; } _temperature;
                integer { size = 16; align = 8; signed = true; } _acceleration[3];
            };
        };

        event {
            name = "app:log";
            id = 5;
            stream_id = 0;
            loglevel = 4;
            fields := struct {
                enum : integer { size = 32; align = 8; signed = true; } {
                    "unknown" = -1, "error" = 3, "warning" = 4, "notice" = 5 ... 6
                } _severity;
                string _message;
            };
        };

        """

    /// A date and time of UTC as LTTng writes it, `20260101T000000+0000`.
    static func dateTime(secondsSinceEpoch: UInt64) -> String {
        // Days in a cycle of 400 years that begins on the 1st of March of year 0, where leap days end their years.
        let days = Int(secondsSinceEpoch / 86_400) + 719_468
        let (era, dayOfEra) = days.quotientAndRemainder(dividingBy: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        let year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
        let second = Int(secondsSinceEpoch % 86_400)

        func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(year)\(padded(month))\(padded(day))T"
            + "\(padded(second / 3600))\(padded(second / 60 % 60))\(padded(second % 60))+0000"
    }
}
