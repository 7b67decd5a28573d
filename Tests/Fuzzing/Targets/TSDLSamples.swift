/// Small texts with every construct of TSDL.
enum TSDLSamples {
    static let all = [declarations, blocks, literals, types, header]

    /// All ways to name a type, and to use the name.
    private static let declarations = """
        typealias integer { size = 8; signed = false; } := unsigned char;
        typealias integer { size = 32; signed = true; align = 32; } := int;
        typedef unsigned char byte, bytes[4];
        struct point { int x, y; } align(64);
        enum colour : unsigned char { red, green = 5, "dark blue" = 'b', last = 7 ... 9, };
        enum { a, b = -1, c };
        variant shape { struct point red; string green; };
        trace { major = 1; minor = 8; byte_order = network; typealias int := inner;
            packet.header := struct { inner stream_id; }; };
        stream { id = 0; event.header := struct { typedef byte local; local id; }; };
        event { name = e; stream_id = 0; id = 0x7; fields := struct {
            typealias struct point := p; p one; struct point two[2]; struct nested { byte b; }; struct nested three;
            enum colour c; variant shape <c> v; variant <c> { byte red, green; } w[3]; enum colour list[2];
            bytes m, n[2][3];
        }; };
        """

    /// All blocks and attributes.
    private static let blocks = """
        /* CTF 1.8 */ // a line
        env { hostname = "tide"; domain = "ust"; tracer_name = "lttng-ust"; tracer_major = 2; raw = "a "b" c";
         n = -5; };
        trace { major = 1; minor = 8; uuid = "2a6422d0-6cee-11e0-8c08-cb07d7b3a564"; byte_order = le;
            packet.header := struct { integer { size = 32; } magic; integer { size = 8; } uuid[16];
                integer { size = 32; } stream_id; integer { size = 64; } stream_instance_id; }; };
        clock { name = "monotonic"; uuid = "00000000-0000-0000-0000-000000000001"; description = "d"; freq = 1000000000;
            precision = 10; offset_s = -7; offset = 1564079206484157339; absolute = FALSE; };
        clock { name = other; freq = 5; };
        stream { id = 3;
            packet.context := struct { integer { size = 64; map = clock.monotonic.value;
             } timestamp_begin, timestamp_end;
                integer { size = 32; } content_size, packet_size, packet_seq_num, events_discarded, cpu_id; };
            event.header := struct { integer { size = 16; } id; integer { size = 32;
             map = clock.monotonic.value; } timestamp; };
            event.context := struct { integer { size = 32; signed = true; } _vpid; }; };
        callsite { name = "e"; func = "main"; file = "a.c"; line = 3; ip = 0x40; };
        event { name = "p:e"; id = 1; stream_id = 3; loglevel = 13; model.emf.uri = "http://example.org/'x'";
         vendor = 5;
            context := struct { string s; }; fields := struct { integer { size = 8; } n; integer { size = 8;
             } a[env.tracer_major]; }; };
        ;
        """

    /// All literals and escapes.
    private static let literals = #"""
        trace { major = 1; minor = 010; byte_order = be; };
        env { a = "\a\b\t\n\v\f\r\"\\\101\x41"; b = 0xFFul; c = 'x'; d = '\n'; e = -9223372036854775808; };
        event { name = "\x7a\172"; id = 18446744073709551615LLU; fields := struct {
            integer { size = 0x10; base = hex; align = 1; } a; integer { size = 3; base = "oct"; } b;
            integer { size = 64; base = 2; byte_order = native; } c; integer { size = 8; encoding = none; } d;
            enum : integer { size = 8; signed = TRUE; } { "with \"marks\"" = -128 ... '\'', z = +5 } e; }; };
        """#

    /// All types, and locations of all kinds.
    private static let types = """
        trace { major = 1; minor = 8; byte_order = le; packet.header := struct { integer { size = 8; } n; }; };
        clock { name = c; };
        stream {
            packet.context := struct { integer { size = 8; } m; };
            event.header := struct { enum : integer { size = 8; } { a = 0, b = 1 } id; integer { size = 8;
             map = "clock.c.value"; } t; };
            event.context := struct { integer { size = 8; } k; };
        };
        event { name = x; id = 0; context := struct { integer { size = 8; } l; }; fields := struct {
            floating_point { exp_dig = 8; mant_dig = 24; byte_order = be; align = 32; } f;
            floating_point { exp_dig = 11; mant_dig = 53; } d;
            string s; string { encoding = ASCII; } t; integer { size = 8; encoding = UTF8; } u[4];
            integer { size = 8; } q[trace.packet.header.n][stream.packet.context.m];
            integer { size = 8; } r[stream.event.context.k]; string v[event.context.l];
            variant <stream.event.header.id> { integer { size = 8; } a; struct { integer { size = 8; } n;
             string x[n]; } b; } w;
            struct { integer { size = 4; } n; struct { integer { size = 4; } m[n]; string o[event.fields.y.n]; } z; } y;
        }; };
        """

    /// An event header as LTTng writes it, before any stream.
    private static let header = """
        struct event_header_compact { enum : integer { size = 5; align = 1; } { compact = 0 ... 30, extended = 31 } id;
            variant <id> { struct { integer { size = 27; align = 1; map = clock.m.value; } timestamp; } compact;
                struct { integer { size = 32; } id; integer { size = 64; map = clock.m.value; } timestamp;
                 } extended; } v;
        } align(8);
        trace { major = 1; minor = 8; byte_order = le; };
        clock { name = m; };
        event { name = early; id = 0; stream_id = 0; };
        stream { event.header := struct event_header_compact; };
        event { name = late; id = 31; fields := struct { integer { size = 16; } __len; integer { size = 8;
         } _list[ __len ]; }; };
        """
}
