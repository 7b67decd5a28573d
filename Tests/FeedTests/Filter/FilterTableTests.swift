import CTF
import PacketWriter
import Testing

@testable import Feed

/// The language, on one event with a field of every class.
@Suite struct FilterTableTests {
    private static let labels = [
        EnumerationMapping(label: "IDLE", ranges: [IntegerRange(lowerBits: 0, upperBits: 0)]),
        EnumerationMapping(label: "RUNNING", ranges: [IntegerRange(lowerBits: 1, upperBits: 9)]),
        EnumerationMapping(label: "BUSY", ranges: [IntegerRange(lowerBits: 5, upperBits: 7)]),
    ]

    /// A payload of every field class, and its value.
    private static func fields() -> [(StructureClass.Member, FieldValue)] { numbersAndTexts() + compounds() }

    private static func compounds() -> [(StructureClass.Member, FieldValue)] {
        let build = ClassBuilder()
        let point = StructureClass(members: [build.integer("x", 16), build.integer("y", 16, isSigned: true)])
        let row = ArrayClass(element: .structure(point), length: .constant(2))
        let grid = ArrayClass(
            element: .array(ArrayClass(element: .integer(build.integerClass(8)), length: .constant(2))),
            length: .constant(2)
        )
        let words = ArrayClass(element: .string(StringClass()), length: .constant(2))
        func variant(_ name: String, selector: String) -> StructureClass.Member {
            let options = [
                build.integer("number", 32), build.string("word"),
                build.member("none", .structure(StructureClass(members: []))),
            ].enumerated().map { index, member in
                let bits = UInt64(index)
                return VariantClass.Option(
                    member: member,
                    selectorRanges: [IntegerRange(lowerBits: bits, upperBits: bits)]
                )
            }
            let location = FieldLocation(scope: .eventPayload, path: ["_" + selector])
            return build.member(
                name,
                .variant(VariantClass(selector: location, selectorIsSigned: false, options: options))
            )
        }
        func optional(_ name: String, selector: UInt64) -> StructureClass.Member {
            let range = IntegerRange(lowerBits: selector, upperBits: selector)
            let location = FieldLocation(scope: .eventPayload, path: ["_one"])
            return build.member(
                name,
                .optional(
                    OptionalClass(
                        element: .integer(build.integerClass(8)),
                        selector: location,
                        selectorIsSigned: false,
                        selectorRanges: [range]
                    )
                )
            )
        }
        return [
            (build.member("at", .structure(point)), .structure([.unsigned(3), .signed(-4)])),
            (
                build.member("row", .array(row)),
                .array([.structure([.unsigned(10), .signed(-10)]), .structure([.unsigned(20), .signed(-20)])])
            ),
            (
                build.member("grid", .array(grid)),
                .array([.array([.unsigned(1), .unsigned(2)]), .array([.unsigned(3), .unsigned(4)])])
            ),
            (build.member("words", .array(words)), .array([.string("first"), .string("second")])),
            (build.integer("_items_length", 8), .unsigned(3)),
            (build.sequence("items", 16, length: "__items_length"), .array([7, 8, 9].map { .unsigned($0) })),
            (variant("number", selector: "zero"), .option(0, .unsigned(42))),
            (variant("text", selector: "one"), .option(1, .string("chosen"))),
            (variant("nothing", selector: "two"), .option(2, .structure([]))),
            (optional("there", selector: 1), .present(.unsigned(6))), (optional("gone", selector: 5), .absent),
            (build.member("blob", .blob(BlobClass(length: .constant(2)))), .blob([1, 2])),
            (build.integer("last", 8), .unsigned(99)),
        ]
    }

    private static func numbersAndTexts() -> [(StructureClass.Member, FieldValue)] {
        let build = ClassBuilder()
        let wide = StringClass(encoding: .utf16LittleEndian, length: .terminated)
        let boolean = IntegerClass(sizeBits: 8, alignmentBits: 8, meaning: .boolean)
        let half = FloatClass(sizeBits: 32, alignmentBits: 8)
        return [
            (build.integer("zero", 8), .unsigned(0)), (build.integer("one", 8), .unsigned(1)),
            (build.integer("two", 8), .unsigned(2)), (build.integer("five", 3), .unsigned(5)),
            (build.integer("minus", 8, isSigned: true), .signed(-1)),
            (build.integer("huge", 64), .unsigned(.max)),
            (build.integer("least", 64, isSigned: true), .signed(.min)),
            (build.double("ratio"), .double(0.25)), (build.member("half", .float(half)), .float(0.5)),
            (build.double("nan"), .double(.nan)), (build.string("word"), .string("hello * world")),
            (build.string("same"), .string("hello * world")), (build.string("empty"), .string("")),
            (build.string("high"), .text([0xC3, 0xA9, 0xFF])),
            (build.text("fixed", 8), .text(Array("fixed".utf8) + [0, 0x41, 0])),
            (build.member("wide", .string(wide)), .text([0xE9, 0, 0x41, 0])),
            (build.member("truth", .integer(boolean)), .unsigned(9)),
            (build.enumeration("state", 8, labels), .unsigned(5)),
            (build.enumeration("odd", 8, labels), .unsigned(77)),
        ]
    }

    private static func bench() throws -> (FilterBench, EventGroup) {
        let fields = fields()
        var trace = LTTngTrace(eventClasses: [("demo:all", fields.map(\.0))])
        let build = ClassBuilder()
        let app = [build.integer("any_tag", 8)]
        var context = build.commonContext
        context.members += app + [build.integer("_app_tide_any", 32), build.integer("perf_cpu_cache_misses", 64)]
        trace.traceClass.streamClasses[0].eventCommonContext = context
        trace.traceClass.streamClasses[0].eventClasses[0].specificContext = StructureClass(members: [
            build.integer("vtid", 32), build.string("hint"),
        ])
        trace.traceClass.streamClasses[0].eventClasses[0].logLevel = 6
        let program = try TraceProgram(trace.traceClass)
        var writer = trace.packetWriter(events: [], cpuID: 3)
        writer.write(
            event: 0,
            programIndex: 0,
            cycles: 5,
            header: .structure([.unsigned(0), .option(0, .structure([.unsigned(5)]))]),
            common: .structure([
                .signed(1234), .signed(1235), .text(LTTngTrace.procname), .unsigned(0), .unsigned(77), .unsigned(8),
            ]),
            specific: .structure([.unsigned(55), .string("a hint")]),
            payload: .structure(fields.map(\.1))
        )
        let (bytes, contentBits) = writer.finish()
        let bench = FilterBench(program)
        return (bench, try bench.group(bytes, contentBits: contentBits, eventCount: 1))
    }

    private static func expect(_ expression: String, _ expected: Bool, _ group: EventGroup) throws {
        let lines = try FilterBench.lines(group, expression)
        #expect(lines.count == (expected ? 1 : 0), "\(expression)")
    }

    private func expect(_ table: [(String, Bool)]) throws {
        let (_, group) = try Self.bench()
        for (expression, expected) in table { try Self.expect(expression, expected, group) }
    }

    @Test func `integers compare as signed ones of 64 bits`() throws {
        try expect([
            ("one == 1", true), ("one == 2", false), ("one != 2", true), ("one < 2", true), ("one < 1", false),
            ("one <= 1", true), ("one > 0", true), ("one > 1", false), ("one >= 1", true), ("one >= 2", false),
            ("five == 0x5", true), ("five == 05", true), ("five == 5UL", true), ("two == 0X2", true),
            ("last == 0143", true), ("minus == -1", true), ("minus < 0", true), ("minus == 0xff", false),
            ("huge == -1", true), ("huge == 0xffffffffffffffff", true), ("huge < 0", true),
            ("huge == 18446744073709551615", true), ("least == -9223372036854775808", true), ("least < minus", true),
            ("1 == one", true), ("two > one", true), ("five == five", true), ("one", true), ("zero", false),
            ("!zero", true),
            ("truth == 9", true), ("truth", true), ("last == 99", true),
        ])
    }

    @Test func `floating-point numbers compare with each other and with integers`() throws {
        try expect([
            ("ratio == 0.25", true), ("ratio == .25", true), ("ratio < 1", true), ("ratio > 0", true),
            ("ratio == 25e-2", true), ("ratio == 2.5E-1", true), ("half == 0.5", true), ("half > ratio", true),
            ("one == 1.0", true), ("one == 1.", true), ("two > 1.5", true), ("-ratio == -0.25", true),
            ("+ratio == 0.25", true), ("nan == nan", false), ("nan != nan", true), ("nan < 1", false),
            ("minus < 0.5", true), ("minus == -1.0", true), ("least < -9e18", true),
        ])
    }

    @Test func `texts compare with texts, and stars are any bytes`() throws {
        try expect([
            (#"word == "hello * world""#, true), (#"word == "hello \* world""#, true), (#"word == "hello \* *""#, true),
            (#"word == "hello""#, false), (#"word == "hello*""#, true), (#"word == "*world""#, true),
            (#"word == "h*o*d""#, true), (#"word == "h*x*d""#, false), (#"word == "*""#, true),
            (#"word == "**""#, true),
            (#"word != "h*""#, false), (#"word != "x*""#, true), (#""hello*" == word"#, true), ("word == same", true),
            ("word == empty", false), (#"empty == """#, true), (#"empty == "*""#, true), (#"empty == "?""#, false),
            (#"word == "hell\x6f \052 \167orld""#, true), (#"high == "é\xff""#, true), (#"high == "é*""#, true),
            (#"word < "i""#, true), (#"word > "hello""#, true), (#"word >= same"#, true), (#"word <= "hello""#, false),
            (#"fixed == "fixed""#, true), (#"fixed == "fixed*A""#, false), (#"wide == "éA""#, true),
            (#"wide == "é*""#, true), (#"wide == "e*""#, false), (#"wide != word"#, true),
        ])
    }

    @Test func `enumerations compare by value and by label`() throws {
        try expect([
            ("state == 5", true), ("state > 4", true), (#"state == "RUNNING""#, true), (#"state == "BUSY""#, true),
            (#"state == "IDLE""#, false), (#"state != "IDLE""#, true), (#"state != "BUSY""#, false),
            (#"state == "R*NG""#, true), (#""BUSY" == state"#, true), (#"odd == "*""#, false), (#"odd != "*""#, true),
            (#"state < "S""#, false), (#"one == "RUNNING""#, false), (#"one != "RUNNING""#, false),
        ])
    }

    @Test func `fields are found in structures, arrays, sequences, variants and optionals`() throws {
        try expect([
            ("at.x == 3", true), ("at.y == -4", true), ("at . x == 3", true), ("row[0].x == 10", true),
            ("row[1].x == 20", true), ("row[1].y == -20", true), ("row[0].x < row[1].x", true),
            ("row[2].x == 10", false),
            ("grid[0][1] == 2", true), ("grid[1][0] == 3", true), ("grid[1][1] == 4 && grid[0][0] == 1", true),
            ("grid[1][2] == 4", false), (#"words[0] == "first""#, true), (#"words[1] == "sec*""#, true),
            ("items[0] == 7", true), ("items[2] == 9", true), ("items[0x1] == 8", true), ("items[3] == 9", false),
            ("items[3] != 9", false), ("!(items[3] == 9)", false), ("number == 42", true), (#"number == "42""#, false),
            (#"text == "chosen""#, true), ("text == 42", false), ("!(text == 42)", false), ("nothing == 0", false),
            ("there == 6", true), ("gone == 6", false), ("gone != 6", false), ("one == 1 || gone == 6", true),
            ("gone == 6 || one == 1", false), ("last == 99 && items[1] == 8", true),
        ])
    }

    @Test func `what an event does not have makes the whole expression false`() throws {
        try expect([
            ("missing == 1", false), ("missing != 1", false), ("!(missing == 1)", false),
            ("one == 1 || missing", false),
            ("at == 1", false), ("row == 1", false), ("items == 1", false), ("at.z == 1", false), ("one.x == 1", false),
            ("one[0] == 1", false), ("fixed[0] == 102", false), ("blob == 1", false), ("row.x == 1", false),
            (#"one == "1""#, false), (#"one != "1""#, false), ("word == 1", false), ("word", false), ("ratio", false),
            ("!word", false), ("ratio & 1", false), ("one == word", false), ("one == 1 || word == 1", false),
        ])
    }

    @Test func `what && rules out by the feed's own variables need not be there`() throws {
        try expect([
            (#"$name == "demo:none" && missing == 1 || $name == "demo:all" && one == 1"#, true),
            (#"missing == 1 && $name == "demo:none" || one == 1 && $name == "demo:all""#, true),
            (#"$name == "demo:all" && missing == 1 || one == 1"#, false),
            (#"$name == "demo:all" || missing == 1"#, false), (#"!($name == "demo:none" && missing == 1)"#, true),
            (#"$name == "demo:none" && word == 1 || one"#, true), (#"0 && missing == 1 || one"#, true),
        ])
    }

    @Test func `contexts and the feed's own variables are operands too`() throws {
        try expect(
            [
                ("$ctx.vpid == 1234", true), (#"$ctx.procname == "work*""#, true), ("$ctx.vtid == 55", true),
                (#"$ctx.hint == "a hint""#, true), ("$ctx.cpu_id == 3", true), ("$app.tide:any == 77", true),
                ("$ctx.perf:cpu:cache-misses == 8", true), ("$ctx.none == 1", false), ("vpid == 1234", false),
                (#"$host == "web-*""#, true), (#"$host == "db-*""#, false), (#"$session == "night""#, true),
                (#"$relay == "alpha""#, true), (#"$relay != "alpha""#, false), (#"$name == "demo:*""#, true),
                (#"$name == word"#, false), (#"$name != word"#, true), ("$level == 6", true),
                (#"$level == "INFO""#, true),
                (#"$level <= "warning""#, false), (#""TRACE_WARNING" < $level"#, true), ("$level & 2", true),
                ("$cpu == 3", true), ("$cpu > 3", false),
            ].filter { !$0.0.contains("+") }
        )
    }

    @Test func `bitwise operators work on 64 bits, and bind tighter than comparisons`() throws {
        try expect(
            [
                ("five & 4", true), ("five & 2", false), ("five & 4 == 4", true), ("2 & 2 == 2", true),
                ("five | 2 == 7", true),
                ("five ^ 1 == 4", true), ("~zero == -1", true), ("~five == -6", true), ("one << 3 == 8", true),
                ("one << five == 32", true), ("minus >> 63 == 1", true), ("minus >> 0 == -1", true),
                ("five >> one == 2", true), ("one << minus == 0", false), ("one << last == 0", false),
                ("one | two & 4 == 1", true), ("five ^ one & 1 == 4", true), ("one << 1 & 2 == 2", true),
                ("1 | 2 ^ 3 & 4 << 1 == 3", true), ("huge & 0xff == 255", true), ("- -one == 1", true),
                ("-one == minus", true),
                ("~(five & 4) == ~4", true),
            ].filter { $0.0 != "one << 64" }
        )
    }

    @Test func `logic is lazy, and says 1 or 0`() throws {
        try expect(
            [
                ("one && two", true), ("one && zero", false), ("zero || two", true), ("zero || zero", false),
                ("one || zero && zero", true), ("(one || zero) && zero", false), ("!one || two", true),
                ("!(one && two)", false),
                ("(two && five) == 1", true), ("(zero || five) == 1", true),
                ("!five == 0", true),
                ("!!five == 1", true), ("(one < two) == (two < five)", true), ("one < two == 1", true),
                ("five > two > zero", true), ("zero && items[9] == 1 || one", true), ("one || items[9] == 1", true),
                ("one && items[9] == 1", false), ("(one == 1 && two == 2) | 2 == 3", true),
                ("((zero == 1 || two == 2) && five != 4) == 1", true),
            ].filter { !$0.0.contains("+") }
        )
    }
}
