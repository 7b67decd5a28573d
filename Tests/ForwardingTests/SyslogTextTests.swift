import Testing

@testable import Forwarding

/// The parts of a syslog message.
struct SyslogTextTests {
    private func made(_ body: (inout [UInt8]) -> Void) -> String {
        var bytes: [UInt8] = []
        body(&bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test
    func `values are escaped as the standard wants it, and stay UTF-8`() {
        #expect(
            made { SyslogText.append(parameter: "a", value: #"q" b\ c] d[ é"#, to: &$0) } == #" a="q\" b\\ c\] d[ é""#
        )
        #expect(made { SyslogText.append(parameter: "a", value: "x\ny\0z\u{7F}", to: &$0) } == #" a="x y z ""#)
    }

    @Test
    func `names have no sign that ends them, and at most 32 bytes`() {
        #expect(made { SyslogText.append(parameter: #"a=b]c"d e"#, value: "", to: &$0) } == #" a_b_c_d_e="""#)
        #expect(made { SyslogText.append(parameter: "", value: "", to: &$0) } == #" _="""#)
        let long = String(repeating: "n", count: 40)
        #expect(
            made { SyslogText.append(parameter: long, value: "", to: &$0) } == " " + String(repeating: "n", count: 32)
                + #"="""#
        )
    }

    @Test
    func `a header's field is printable and bounded, and a dash where there is nothing`() {
        #expect(made { SyslogText.append(field: "", bytesMax: 9, to: &$0) } == "-")
        #expect(made { SyslogText.append(field: "a b\tcé", bytesMax: 99, to: &$0) } == "a_b_c__")
        #expect(made { SyslogText.append(field: "abcdef", bytesMax: 3, to: &$0) } == "abc")
    }

    @Test
    func `a frame is its length in octets and the message, and times have microseconds`() {
        #expect(made { SyslogText.frame(Array("é!".utf8), to: &$0) } == "3 é!")
        #expect(made { SyslogText.append(microseconds: 123, to: &$0) } == ".000123Z")
        #expect(made { SyslogText.append(microseconds: 999_999, to: &$0) } == ".999999Z")
    }
}
