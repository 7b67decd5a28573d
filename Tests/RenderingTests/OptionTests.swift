import Testing

@testable import Rendering

struct OptionTests {
    @Test func `names are read as babeltrace2 reads them`() throws {
        #expect(try TextNames(arguments: "payload") == .payload)
        #expect(try TextNames(arguments: "arg") == .payload)
        #expect(try TextNames(arguments: "args,ctx") == [.payload, .context])
        #expect(try TextNames(arguments: "context, scope ,header") == [.context, .scope, .header])
        #expect(try TextNames(arguments: "all,payload") == .all)
        #expect(try TextNames(arguments: "payload,none") == .payload)
        #expect(try TextNames(arguments: "none") == [])
        #expect(throws: UnknownTextName(word: "none")) { try TextNames(arguments: "all,none") }
        #expect(throws: UnknownTextName(word: "foo")) { try TextNames(arguments: "payload,foo") }
        #expect(throws: UnknownTextName(word: "")) { try TextNames(arguments: "") }
    }

    @Test func `fields are read as babeltrace2 reads them`() throws {
        #expect(try TextFields(arguments: "trace") == .trace)
        #expect(
            try TextFields(arguments: "trace:hostname,trace:domain,trace:procname,trace:vpid,loglevel,emf")
                == TextFields.all.subtracting(.trace)
        )
        #expect(try TextFields(arguments: "emf,all") == .all)
        #expect(throws: UnknownTextName(word: "none")) { try TextFields(arguments: "none") }
    }

    @Test func `the defaults are babeltrace2's`() {
        let options = TextOptions()
        #expect(options.names == [.payload, .context])
        #expect(options.fields == [.hostname, .procname, .vpid])
        #expect(options.showsDelta)
        #expect(!options.clockGMT && !options.clockDate && !options.clockSeconds && !options.clockCycles)
    }
}
