/// As `AwkwardTexts`, in CTF 2.
enum CTF2AwkwardTexts {
    static let all = [variable, texts, choices]

    /// Integers of variable length everywhere, and bits the other way round.
    private static let variable = sequence([
        stream(
            context: structure([
                ("content", fixed(16, alignment: 8, "packet-content-length")),
                ("begin", variable("un", "default-clock-timestamp")),
            ]),
            header: structure([
                ("id", variable("un", "event-record-class-id")), ("time", variable("un", "default-clock-timestamp")),
            ])
        ),
        event(
            0,
            [
                ("a", variable("")), ("n", variable()),
                ("l", dynamic("array", #""n""#, ("element-field-class", variable()))),
            ]
        ),
        event(
            1,
            [
                ("a", reversed("unsigned-integer", 13, "big")), ("b", reversed("signed-integer", 64, "big")),
                ("c", reversed("boolean", 3, "big")), ("d", reversed("bit-array", 9, "big")),
                ("e", reversed("floating-point-number", 16, "big")),
                ("f", reversed("floating-point-number", 64, "big")), ("z", variable()),
            ]
        ),
        event(
            2,
            [("a", reversed("unsigned-integer", 13, "little")), ("b", reversed("floating-point-number", 32, "little"))]
        ),
    ])

    /// Texts of all widths, and blobs.
    private static let texts = sequence([
        stream(
            context: structure([
                ("n", fixed(8, alignment: 8)),
                ("total", fixed(24, alignment: 8, order: "big", "packet-total-length")),
            ]),
            header: structure([("id", fixed(8, alignment: 8, "event-record-class-id"))])
        ),
        event(
            0,
            ["utf-8", "utf-16le", "utf-16be", "utf-32le", "utf-32be"].map { ("s \($0)", string($0)) }
                + [("bit", fixed(1)), ("last", string("utf-16le"))]
        ),
        event(
            1,
            [
                ("n", fixed(5)), ("a", dynamic("string", #""n""#, ("encoding", #""utf-32be""#))),
                ("b", dynamic("string", #""n""#)), ("c", dynamic("blob", #""n""#)),
                ("d", #"{"type":"static-length-string","length":5,"encoding":"utf-16be"}"#),
                ("e", #"{"type":"static-length-blob","length":3}"#), ("f", fixed(1)),
                ("g", #"{"type":"static-length-string","length":0}"#),
            ]
        ),
        event(
            2,
            [
                (
                    "s",
                    #"{"type":"dynamic-length-string","#
                        + #""length-field-location":{"origin":"packet-context","path":["n"]}}"#
                )
            ]
        ),
    ])

    /// Optionals and variants whose selectors may not have been read, and lengths that mean one of several fields.
    private static let choices = sequence([
        stream(
            context: nil,
            header: structure([
                ("id", fixed(2, "event-record-class-id")), ("time", fixed(6, "default-clock-timestamp")),
            ])
        ),
        event(
            0,
            [
                ("t", fixed(3)), ("v", variant(#""t""#)), ("s", dynamic("string", #""v""#)),
                ("o", optional(#""t""#, fixed(3), ranges: "[[0,3],[7,9]]")),
                ("l", dynamic("array", #""o""#, ("element-field-class", fixed(4)))),
            ]
        ),
        event(
            1,
            [
                ("there", #"{"type":"fixed-length-boolean","length":1,"byte-order":"little-endian"}"#),
                (
                    "o",
                    optional(
                        #""there""#,
                        structure([("n", variable()), ("x", dynamic("blob", #""n""#))], alignment: 8)
                    )
                ),
                ("again", dynamic("blob", #""o","n""#)),
            ]
        ),
        event(
            2,
            [
                ("n", fixed(4)),
                (
                    "l",
                    dynamic(
                        "array",
                        #""n""#,
                        ("minimum-alignment", "32"),
                        ("element-field-class", structure([("t", variable("")), ("v", variant(#""t""#))]))
                    )
                ),
            ]
        ),
    ])

    // MARK: fragments

    private static func sequence(_ fragments: [String]) -> String {
        let first = [
            #"{"type":"preamble","version":2}"#, #"{"type":"clock-class","id":"c","frequency":1000000000}"#,
        ]
        return (first + fragments).map { "\u{1E}\($0)\n" }.joined()
    }

    private static func stream(context: String?, header: String) -> String {
        let context = context.map { #","packet-context-field-class":\#($0)"# } ?? ""
        return #"{"type":"data-stream-class","default-clock-class-id":"c"\#(context),"#
            + #""event-record-header-field-class":\#(header)}"#
    }

    private static func event(_ id: Int, _ members: [(String, String)]) -> String {
        #"{"type":"event-record-class","id":\#(id),"name":"e\#(id)","payload-field-class":\#(structure(members))}"#
    }

    // MARK: classes

    private static func structure(_ members: [(String, String)], alignment: Int = 1) -> String {
        let members = members.map { #"{"name":"\#($0)","field-class":\#($1)}"# }.joined(separator: ",")
        return #"{"type":"structure","minimum-alignment":\#(alignment),"member-classes":[\#(members)]}"#
    }

    private static func fixed(_ bits: Int, alignment: Int = 1, order: String = "little", _ roles: String...) -> String {
        #"{"type":"fixed-length-unsigned-integer","length":\#(bits),"alignment":\#(alignment),"#
            + #""byte-order":"\#(order)-endian"\#(property(roles))}"#
    }

    private static func variable(_ sign: String = "un", _ roles: String...) -> String {
        #"{"type":"variable-length-\#(sign)signed-integer"\#(property(roles))}"#
    }

    private static func property(_ roles: [String]) -> String {
        roles.isEmpty ? "" : #","roles":[\#(roles.map { "\"\($0)\"" }.joined(separator: ","))]"#
    }

    private static func reversed(_ kind: String, _ bits: Int, _ order: String) -> String {
        let bitOrder = order == "little" ? "last-to-first" : "first-to-last"
        return #"{"type":"fixed-length-\#(kind)","length":\#(bits),"byte-order":"\#(order)-endian","#
            + #""bit-order":"\#(bitOrder)"}"#
    }

    private static func string(_ encoding: String) -> String {
        #"{"type":"null-terminated-string","encoding":"\#(encoding)"}"#
    }

    private static func dynamic(_ kind: String, _ path: String, _ properties: (String, String)...) -> String {
        let more = properties.map { #","\#($0)":\#($1)"# }.joined()
        return #"{"type":"dynamic-length-\#(kind)","length-field-location":{"path":[\#(path)]}\#(more)}"#
    }

    private static func optional(_ path: String, _ fieldClass: String, ranges: String? = nil) -> String {
        let ranges = ranges.map { #","selector-field-ranges":\#($0)"# } ?? ""
        return
            #"{"type":"optional","selector-field-location":{"path":[\#(path)]}\#(ranges),"field-class":\#(fieldClass)}"#
    }

    /// Three options, which all are unsigned integers.
    private static func variant(_ path: String) -> String {
        let options = [
            ("[[0,1]]", fixed(8, alignment: 8)), ("[[2,2],[5,6]]", variable()),
            ("[[3,4],[7,9223372036854775807]]", fixed(3)),
        ].map { #"{"selector-field-ranges":\#($0),"field-class":\#($1)}"# }.joined(separator: ",")
        return #"{"type":"variant","selector-field-location":{"path":[\#(path)]},"options":[\#(options)]}"#
    }
}
