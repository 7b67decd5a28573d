import CTF
import Testing

/// Pieces of TSDL that tests are made of.
enum Texts {
    static let trace = "/* CTF 1.8 */\ntrace { major = 1; minor = 8; byte_order = le; };\n"

    /// A little of everything, as a tracer writes it.
    static let sample = """
        /* CTF 1.8 */
        typealias integer { size = 8; align = 8; signed = false; } := uint8_t;
        typealias integer { size = 32; align = 8; signed = false; } := uint32_t;
        typealias integer { size = 64; align = 8; signed = false; } := unsigned long;
        typealias integer { size = 5; align = 1; signed = false; } := uint5_t;
        trace {
            major = 1; minor = 8;
            uuid = "2a6422d0-6cee-11e0-8c08-cb07d7b3a564";
            byte_order = be; // the native one
            packet.header := struct { uint32_t magic; uint8_t uuid[16]; uint32_t stream_id; };
        };
        env { hostname = "tide"; tracer_name = "lttng-ust"; tracer_major = 2; raw = "a "b" c"; };
        clock { name = "monotonic"; freq = 1000000000; offset = 1564079206484157339; };
        typealias integer { size = 27; align = 1; map = clock.monotonic.value; } := uint27_clock_t;
        typealias integer { size = 64; align = 8; map = clock.monotonic.value; } := uint64_clock_t;
        struct packet_context {
            uint64_clock_t timestamp_begin; uint64_clock_t timestamp_end;
            unsigned long content_size, packet_size; unsigned long events_discarded; uint32_t cpu_id;
        };
        struct event_header {
            enum : uint5_t { compact = 0 ... 30, extended = 31 } id;
            variant <id> {
                struct { uint27_clock_t timestamp; } compact;
                struct { uint32_t id; uint64_clock_t timestamp; } extended;
            } v;
        } align(8);
        event { name = "early"; id = 7; stream_id = 3; fields := struct { string _s; }; };
        stream { id = 3; packet.context := struct packet_context; event.header := struct event_header; };
        event {
            name = "provider:name with \\"marks\\"\\n"; id = 8; stream_id = 3; loglevel = 13;
            model.emf.uri = "http://example.org/'x'";
            fields := struct {
                uint32_t __len; integer { size = 16; byte_order = network; base = hex; } _net[ __len ][2];
                enum : uint8_t { "one word", B = 'b', C } _e;
                struct { floating_point { exp_dig = 11; mant_dig = 53; } d; } _inner;
                integer { size = 8; encoding = UTF8; } _text[8];
            };
        };

        """
}

extension MetadataReader {
    /// The class that a text declares; the test fails where there is none.
    static func trace(_ text: String) throws -> TraceClass {
        try #require(try read(text))
    }

    /// The payload of the only event of a little-endian trace.
    /// - Parameter declarations: stand before the event.
    static func payload(_ members: String, after declarations: String = "") throws -> [StructureClass.Member] {
        let text = Texts.trace + declarations + "event { name = e; fields := struct { \(members) }; };"
        return try #require(try trace(text).streamClasses.first?.eventClasses.first?.payload).members
    }

    /// The code of the error that a text is refused with; nil when it is read.
    static func code(_ text: String, limits: MetadataLimits = MetadataLimits()) -> MetadataError.Code? {
        do throws(MetadataError) {
            _ = try read(text, limits: limits)
            return nil
        } catch {
            return error.code
        }
    }

    /// The same for the members of an event's payload.
    static func payloadCode(_ members: String, after declarations: String = "") -> MetadataError.Code? {
        code(Texts.trace + declarations + "event { name = e; fields := struct { \(members) }; };")
    }
}

extension FieldClass {
    var integer: IntegerClass? { if case .integer(let integer) = self { integer } else { nil } }
    var structure: StructureClass? { if case .structure(let structure) = self { structure } else { nil } }
    var array: ArrayClass? { if case .array(let array) = self { array } else { nil } }
    var variant: VariantClass? { if case .variant(let variant) = self { variant } else { nil } }
}

/// Numbers that look random and are the same in each run.
struct SplitMix {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next(below bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15  // Wrapping is what the generator is made of.
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((word ^ (word >> 31)) % UInt64(bound))
    }
}
