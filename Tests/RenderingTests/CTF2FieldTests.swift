import CTF
import Feed
import HandmadeTraces
import Rendering
import Testing

/// Fields that only CTF 2 has, as text and as JSON.
struct CTF2FieldTests {
    private static let byte = #"{"type":"fixed-length-unsigned-integer","length":8,"byte-order":"little-endian"}"#

    /// The line of one event with a payload member `f`, behind members `a` and `b` of a byte each.
    private static func lines(_ fieldClass: String, _ bytes: [UInt8]) throws -> (text: String, json: String) {
        let members = [("a", byte), ("b", byte), ("f", fieldClass)].map { #"{"name":"\#($0)","field-class":\#($1)}"# }
        let metadata = [
            #"{"type":"preamble","version":2}"#, #"{"type":"data-stream-class"}"#,
            #"{"type":"event-record-class","name":"ev","payload-field-class":{"type":"structure","member-classes":["#
                + members.joined(separator: ",") + "]}}",
        ].map { "\u{1E}" + $0 }.joined()
        let trace = try HandmadeTrace(metadata)
        let group = EventGroup([try trace.slice(bytes, events: 1)], order: [(0, 1)])
        let batch = FeedBatch(records: [.events(group)])
        var options = RenderingOptions()
        let text = try rendered(batch, options).text
        options.format = .json
        let json = try rendered(batch, options).text
        return (after("b = 2, ", in: text), after(#""b":2,"#, in: json))
    }

    private static func after(_ start: String, in line: String) -> String {
        guard let range = line.firstRange(of: start) else { return line }
        return String(line[range.upperBound...].dropLast())
    }

    private static func location(_ name: String) -> String { #"{"path":["\#(name)"]}"# }

    @Test(arguments: [(0, "false"), (1, "true"), (0x80, "true")] as [(UInt8, String)])
    func `booleans are words`(byte: UInt8, shown: String) throws {
        let lines = try Self.lines(
            #"{"type":"fixed-length-boolean","length":8,"byte-order":"little-endian"}"#,
            [1, 2, byte]
        )
        #expect(lines.text == "f = \(shown) }")
        #expect(lines.json == #""f":\#(shown)}}"#)
    }

    @Test func `a log level and a model's URI in attributes reach text and JSON`() throws {
        let metadata = [
            #"{"type":"preamble","version":2}"#, #"{"type":"data-stream-class"}"#,
            #"{"type":"event-record-class","name":"ev","attributes":{"lttng.org,2009":{"log-level":"debug:line","#
                + #""emf-uri":"http://e"}},"payload-field-class":{"type":"structure","member-classes":["#
                + #"{"name":"a","field-class":\#(Self.byte)}]}}"#,
        ].map { "\u{1E}" + $0 }.joined()
        let trace = try HandmadeTrace(metadata)
        let batch = FeedBatch(records: [.events(EventGroup([try trace.slice([1], events: 1)], order: [(0, 1)]))])
        var options = RenderingOptions()
        options.text.fields = [.logLevel, .emfURI]
        #expect(try rendered(batch, options).text.contains("TRACE_DEBUG_LINE (13):http://e ev: { a = 1 }"))
        options.format = .json
        #expect(try rendered(batch, options).text.contains(#""level":13"#))
    }

    @Test func `bits are hexadecimal in text and a number in JSON`() throws {
        let flags = #","flags":{"x":[[0,3]]}"#
        for more in ["-array\"", "-map\"" + flags] {
            let lines = try Self.lines(
                #"{"type":"fixed-length-bit\#(more),"length":16,"byte-order":"little-endian"}"#,
                [1, 2, 0xCD, 0xAB]
            )
            #expect(lines.text == "f = 0xABCD }")
            #expect(lines.json == #""f":43981}}"#)
        }
    }

    @Test func `numbers of variable length are numbers, with labels where they have them`() throws {
        let mapped = #"{"type":"variable-length-signed-integer","mappings":{"less":[[-10,-1]]}}"#
        let lines = try Self.lines(mapped, [1, 2, 0x7E])
        #expect(lines.text == #"f = ( "less" : container = -2 ) }"#)
        #expect(lines.json == #""f":{"value":-2,"labels":["less"]}}}"#)
    }

    @Test func `texts of any encoding come out as UTF-8`() throws {
        let wide: [UInt8] = [0x00, 0xE9, 0x00, 0x22, 0xD8, 0x3D, 0xDE, 0x00, 0x00, 0x00]
        let lines = try Self.lines(#"{"type":"null-terminated-string","encoding":"utf-16be"}"#, [1, 2] + wide)
        #expect(lines.text == #"f = "é\"😀" }"#)
        #expect(lines.json == #""f":"é\"😀"}}"#)
        let long = try Self.lines(#"{"type":"static-length-string","length":4}"#, [1, 2, 0x68, 0x69, 0, 0x78])
        #expect(long.text == #"f = "hi" }"# && long.json == #""f":"hi"}}"#)
    }

    @Test(
        arguments: [
            ([], "{ }", ""), ([0x4D], "{ 0x4d }", "TQ=="), ([0x4D, 0x61], "{ 0x4d, 0x61 }", "TWE="),
            ([0x4D, 0x61, 0xFF], "{ 0x4d, 0x61, 0xff }", "TWH/"),
            ([0, 0, 0, 0xFB], "{ 0x00, 0x00, 0x00, 0xfb }", "AAAA+w=="),
        ] as [([UInt8], String, String)]
    )
    func `blobs are bytes in text and base64 in JSON`(bytes: [UInt8], text: String, base64: String) throws {
        let lines = try Self.lines(#"{"type":"static-length-blob","length":\#(bytes.count)}"#, [1, 2] + bytes)
        #expect(lines.text == "f = \(text) }")
        #expect(lines.json == #""f":"\#(base64)"}}"#)
    }

    @Test func `optionals are their value, or none`() throws {
        func optional(_ range: String, _ fieldClass: String) -> String {
            #"{"type":"optional","selector-field-location":\#(Self.location("a")),"selector-field-ranges":[\#(range)],"#
                + #""field-class":\#(fieldClass)}"#
        }
        let present = try Self.lines(optional("[1,1]", Self.byte), [1, 2, 7])
        #expect(present.text == "f = { 7 } }" && present.json == #""f":7}}"#)
        let absent = try Self.lines(optional("[2,9]", Self.byte), [1, 2])
        #expect(absent.text == "f = <none> }" && absent.json == #""f":null}}"#)
        let structure = #"{"type":"structure","member-classes":[{"name":"x","field-class":\#(Self.byte)}]}"#
        let nested = try Self.lines(optional("[1,1]", optional("[2,2]", structure)), [1, 2])
        #expect(nested.text == "f = { <none> } }" && nested.json == #""f":null}}"#)
        let array = #"{"type":"static-length-array","length":2,"element-field-class":\#(optional("[1,1]", structure))}"#
        let elements = try Self.lines(array, [1, 2, 7, 8])
        #expect(elements.text == "f = [ [0] = { { x = 7 } }, [1] = { { x = 8 } } ] }")
        #expect(elements.json == #""f":[{"x":7},{"x":8}]}}"#)
    }

    @Test func `options of variants need no name`() throws {
        let variant =
            #"{"type":"variant","selector-field-location":\#(Self.location("b")),"options":["#
            + #"{"selector-field-ranges":[[2,2]],"field-class":{"type":"dynamic-length-string","#
            + #""length-field-location":\#(Self.location("b"))}}]}"#
        let lines = try Self.lines(variant, [1, 2, 0x6F, 0x6B])
        #expect(lines.text == #"f = { "ok" } }"# && lines.json == #""f":"ok"}}"#)
    }
}
