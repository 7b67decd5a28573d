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

    @Test
    func `times are those of the calendar, whatever a clock says`() {
        var time = SyslogTime()
        let texts = [0, 1_999_999_999, 1_000_000_123, -1, -1_000_000_000, .min, .max].map { ns in
            made { time.append(ns, to: &$0) }
        }
        #expect(
            texts == [
                "1970-01-01T00:00:00.000000Z", "1970-01-01T00:00:01.999999Z", "1970-01-01T00:00:01.000000Z",
                "1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.000000Z", "1677-09-21T00:12:43.145224Z",
                "2262-04-11T23:47:16.854775Z",
            ]
        )
    }
}
