import CTF
import Feed
import HandmadeTraces
import Testing

@testable import Rendering

/// What a short metadata text may cost prepared programs, which hold in full what the text only names.
@Suite struct ProgramSizeTests {
    private static let start = "trace { major = 1; minor = 8; byte_order = le; };"

    private func program(_ declarations: String) throws -> TraceProgram {
        try HandmadeTrace(Self.start + declarations).program
    }

    private func text(_ program: TraceProgram) -> TextProgram {
        TextProgram(program, options: TextOptions(), traceName: nil)
    }

    @Test func `labels that many fields share are held once`() throws {
        let (labelCount, fieldCount) = (500, 400)
        let labels = (0..<labelCount).map { "label\($0)" }.joined(separator: ", ")
        let fields = (0..<fieldCount).map { "many f\($0);" }.joined(separator: " ")
        let program = try program(
            """
            typealias enum : integer { size = 16; align = 8; } { \(labels) } := many;
            event { name = e; fields := struct { \(fields) enum : integer { size = 8; } { label0, own } own; }; };
            """
        )
        let (text, json) = (text(program), JSONProgram(program))
        #expect(text.enumerationCount == 2 && json.enumerationCount == 2)
        // A label takes about ten bytes, a field about twenty.
        let bytes = (labelCount + fieldCount) * 30
        #expect((1...bytes).contains(text.literalBytes) && (1...bytes).contains(json.literalBytes))
    }

    @Test func `labels that fields of CTF 2 share by an alias are held once`() throws {
        let labels = (0..<100).map { "\"label\($0)\":[[\($0),\($0)]]" }.joined(separator: ",")
        let integer = #""type":"fixed-length-unsigned-integer","length":8,"byte-order":"little-endian""#
        let members = (0..<50).map { #"{"name":"f\#($0)","field-class":"many"}"# }.joined(separator: ",")
        let fragments = [
            #"{"type":"preamble","version":2}"#, #"{"type":"trace-class"}"#, #"{"type":"data-stream-class"}"#,
            #"{"type":"field-class-alias","name":"many","field-class":{\#(integer),"mappings":{\#(labels)}}}"#,
            #"{"type":"event-record-class","name":"e","payload-field-class":"#
                + #"{"type":"structure","member-classes":[\#(members)]}}"#,
        ]
        let program = try HandmadeTrace(fragments.map { "\u{1E}" + $0 }.joined()).program
        #expect(text(program).enumerationCount == 1 && JSONProgram(program).enumerationCount == 1)
    }

    @Test(arguments: [false, true])
    func `a long text of the environment is held once, and stands in each line`(isNamed: Bool) throws {
        let hostname = String(repeating: "h", count: 10_000)
        let events = (0..<200).map { "event { name = e\($0); id = \($0); loglevel = 6; };" }.joined()
        let trace = try HandmadeTrace(
            Self.start + """
                env { hostname = "\(hostname)"; domain = "ust"; };
                stream { event.header := struct { integer { size = 8; } id; }; };
                \(events)
                """
        )
        var options = RenderingOptions()
        options.text.fields = [.hostname, .domain, .logLevel]
        if isNamed { options.text.names.insert(.header) }
        let prepared = TextProgram(trace.program, options: options.text, traceName: nil)
        #expect((1...2 * 10_000 + 200 * 100).contains(prepared.literalBytes))
        let group = EventGroup([try trace.slice([0, 199], events: 2)], order: [(0, 2)])
        let lines = try rendered(FeedBatch(records: [.events(group)]), options).text
        let expected = [0, 199].map { id in
            isNamed
                ? "trace:hostname = \(hostname)trace:domain = ustloglevel = TRACE_INFO (6)name = e\(id), \n"
                : "\(hostname):ust:TRACE_INFO (6) e\(id): \n"
        }
        #expect(lines == expected.joined())
    }
}
