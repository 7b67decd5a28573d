/// Metadata of traces that no tracer writes: each piles up what is hard for a decoder in one way.
enum AwkwardTexts {
    static let all = [
        bits, emptyElements, choices, alignments, noHeader, sparseIDs, lengthsOfPreamble, nested,
    ].map { start + $0 }

    /// Events that fit in no packet, and some that do.
    static let endless =
        start + """
            trace { major = 1; minor = 8; byte_order = le; };
            stream { event.header := struct { u8 id; }; };
            event { name = a; id = 0; fields := struct { u8 a[4096][4096][4096][4096]; u32 b[16777216]; }; };
            event { name = b; id = 1; fields := struct { u8 a; u1 f; struct { u8 x[16777216]; string s;
             } s[16777216]; }; };
            event { name = c; id = 2; fields := struct { integer { size = 64; } n; u8 a[n]; u16 b[n][n][4096]; }; };
            event { name = d; id = 3; fields := struct { u8 n; integer { size = 8; encoding = UTF8;
             } t[16777216][n]; }; };
            event { name = e; id = 4; fields := struct { u8 a; }; };
            """

    private static let start = """
        /* CTF 1.8 */
        typealias integer { size = 1; align = 1; } := u1;
        typealias integer { size = 3; align = 1; } := u3;
        typealias integer { size = 8; } := u8;
        typealias integer { size = 16; } := u16;
        typealias integer { size = 32; } := u32;

        """

    /// Both byte orders within bytes, all the way to nine bytes touched.
    private static let bits = """
        trace { major = 1; minor = 8; byte_order = le; };
        clock { name = c; freq = 3; offset_s = -1; };
        stream {
            packet.context := struct { u16 content_size; u16 packet_size; };
            event.header := struct {
                integer { size = 2; align = 1; } id;
                integer { size = 7; align = 1; map = clock.c.value; } timestamp;
            };
        };
        event { name = le; id = 0; fields := struct {
            integer { size = 61; align = 1; } a; u3 b[3]; integer { size = 5; align = 1; signed = true; } c; u1 d;
        }; };
        event { name = be; id = 1; fields := struct {
            integer { size = 63; align = 1; byte_order = be; signed = true; } a;
            integer { size = 1; align = 1; byte_order = be; } b[event.context.n];
        }; context := struct { integer { size = 4; align = 1; byte_order = be; } n; }; };
        event { name = both; id = 2; fields := struct {
            integer { size = 4; align = 1; byte_order = be; } a; integer { size = 4; align = 1; } b;
            integer { size = 8; align = 1; byte_order = be; } c; integer { size = 8; align = 4; } d;
        }; };
        event { name = none; id = 3; };
        """

    /// Elements without a bit, and arrays of none.
    private static let emptyElements = """
        trace { major = 1; minor = 8; byte_order = be; };
        stream { event.header := struct { u8 id; }; };
        event { name = a; id = 0; fields := struct { u8 n; struct {} e[n]; string s[2]; struct { struct {} x; } f[3]; };
        };
        event { name = b; id = 1; fields := struct { u16 n; struct { u8 m; struct { u1 z[0]; } y[m]; } e[n]; }; };
        event { name = c; id = 2; fields := struct { u8 n; u3 e[n][n][2]; u8 t[0]; integer { size = 8;
         encoding = UTF8; } u[0]; };
        };
        event { name = d; id = 3; fields := struct { u8 n; enum : u8 { p = 0, q = 1 } k;
            struct { variant <event.fields.k> { struct {} p; u8 q; } v; } e[n]; }; };
        """

    /// Variants: signed and 64-bit selectors, overlapping ranges, options without label, selectors in other scopes.
    private static let choices = """
        trace { major = 1; minor = 8; byte_order = le;
            packet.header := struct { enum : u8 { w = 1, n = 2 } kind; }; };
        stream {
            packet.context := struct { variant <trace.packet.header.kind> { u32 w; u8 n; } size; };
            event.header := struct { enum : u8 { short = 0 ... 7, long = 8 ... 255 } id;
                variant <id> { struct {} short; struct { u32 id; } long; } v; };
            event.context := struct { enum : integer { size = 64; signed = true; } {
                low = -9223372036854775808 ... -1, high = 0 ... 9223372036854775807 } sign; };
        };
        event { name = a; id = 0; fields := struct {
            variant <stream.event.context.sign> { string low; integer { size = 7; align = 1; } high; } v;
            enum : u8 { x = 0 ... 200, y = 100 ... 255 } t;
            variant <t> { struct { enum : u8 { i = 1, j = 2 } t; variant <t> { u16 i; string j; } v; } y; u3 x;
             u8 z; } w;
        }; };
        event { name = b; id = 1; fields := struct {
            struct { enum : u3 { p, q, r } t; variant <t> { u8 p; u8 q[2]; struct { u16 n; u8 e[n]; } r; } v; } s[3];
            u8 n; struct { enum : u8 { a = 1 } t; variant <t> { string a; } v; } l[n];
        }; };
        event { name = c; id = 260; fields := struct { variant <trace.packet.header.kind> { string w; u8 n; } v; }; };
        """

    /// Paddings of all sizes, and strings and sequences behind them.
    private static let alignments = """
        trace { major = 1; minor = 8; byte_order = be; };
        clock { name = c; freq = 1000000000; offset = 18446744073709551615; };
        stream {
            packet.context := struct { u8 x; integer { size = 12; align = 1; } content_size; } align(32);
            event.header := struct { integer { size = 4; align = 4; } id;
                integer { size = 33; align = 2; map = clock.c.value; } timestamp; } align(16);
            event.context := struct { u1 f; } align(8);
        };
        event { name = a; id = 0; fields := struct { u1 a; integer { size = 3; align = 64; } b; string s; u1 c;
            floating_point { exp_dig = 8; mant_dig = 24; align = 1; } d; struct { u1 e; } f[2]; } align(128); };
        event { name = b; id = 1; fields := struct { u3 n; integer { size = 5; align = 8; } q[n]; u1 z;
            struct { u1 a; string s; } align(32) r[n]; }; };
        event { name = c; id = 2; fields := struct { integer { size = 64; align = 1; map = clock.c.value; } later;
            integer { size = 9; align = 1; map = clock.c.value; } again; }; };
        """

    /// Nothing that says where a packet or an event ends.
    private static let noHeader = """
        trace { major = 1; minor = 8; byte_order = le; };
        event { name = only; fields := struct { u1 flag; string s; u8 n; integer { size = 8; encoding = ASCII;
         } t[n]; }; };
        """

    /// Ids that no table holds.
    private static let sparseIDs = """
        trace { major = 1; minor = 8; byte_order = le; packet.header := struct { u32 magic; u8 uuid[16];
         u32 stream_id; }; };
        stream { id = 4294967295; event.header := struct { integer { size = 64; } id; }; };
        stream { id = 2; event.header := struct { u16 id; }; };
        event { name = a; stream_id = 4294967295; id = 0; fields := struct { u8 a; }; };
        event { name = b; stream_id = 4294967295; id = 18446744073709551615; fields := struct { u8 a; }; };
        event { name = c; stream_id = 4294967295; id = 1099511627776; fields := struct { string a; }; };
        event { name = d; stream_id = 2; id = 65535; };
        """

    /// Lengths that stand in the packet's header and context, and are needed in every event.
    private static let lengthsOfPreamble = """
        trace { major = 1; minor = 8; byte_order = be; packet.header := struct { u8 n; u8 list[n]; u8 stream_id; }; };
        stream { id = 0;
            packet.context := struct { u8 m; struct { u8 k; } sub[m]; u8 k; u32 packet_size; u8 packet_seq_num;
                u3 events_discarded; };
            event.header := struct { u8 id; u8 h; };
            event.context := struct { u8 list[trace.packet.header.n]; string more[stream.packet.context.k]; };
        };
        stream { id = 1; };
        event { name = a; id = 0; stream_id = 0; context := struct { u8 c; };
            fields := struct { u16 x[stream.event.header.h]; u3 y[event.context.c]; u8 z[trace.packet.header.n]; }; };
        event { name = b; id = 1; stream_id = 0; fields := struct { string y[stream.packet.context.m]; }; };
        event { name = c; stream_id = 1; fields := struct { u8 y[trace.packet.header.n]; }; };
        """

    /// Arrays in arrays in structures, of lengths that multiply.
    private static let nested = """
        trace { major = 1; minor = 8; byte_order = le; };
        stream { event.header := struct { u8 id; }; };
        event { name = a; id = 0; fields := struct { u8 n; u8 a[n][n][n]; string b[n][2]; u3 c[3][n]; }; };
        event { name = b; id = 1; fields := struct { u8 n; struct { u8 m; struct { u8 l; u16 x[l]; } y[m]; } z[n]; }; };
        event { name = d; id = 3; fields := struct { integer { size = 64; } n; u8 a[n]; integer { size = 64;
         align = 64; } b[n];
            struct { u3 q; u8 r; } c[n]; integer { size = 8; encoding = UTF8; } t[n]; }; };
        """
}
