import CTF
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
}
