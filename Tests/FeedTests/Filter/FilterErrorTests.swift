import Testing

@testable import Feed

@Suite struct FilterErrorTests {
    private func refusal(_ expression: String) -> FilterError? {
        do throws(FilterError) {
            _ = try FilterExpression(expression)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [
        ("", 1, "not the end"), ("   ", 4, "not the end"), ("a ==", 5, "not the end"), ("a == == 1", 6, "not `==`"),
        ("(a == 1", 8, "`)`"), ("a == 1)", 7, "the end was expected"), ("a = 1", 3, "`==`"), ("a + 1", 3, "calculate"),
        ("a * 1", 3, "calculate"), ("a % 1", 3, "calculate"), ("a b", 3, "an operator or the end"),
        ("a == 'x'", 6, "quotes"),
        ("a == \"x", 6, "second double quote"), (#"a == "\q""#, 7, "escape"), (#"a == "\x""#, 9, "1 to 255"),
        (#"a == "\0""#, 8, "1 to 255"), ("a == 18446744073709551616", 6, "64 bits"), ("a == 0x", 8, "hexadecimal"),
        ("a == 08", 7, "octal"), ("a == 5x", 7, "behind the number"), ("a == 1.5.2", 9, "behind the number"),
        ("a == 1e", 8, "exponent"), ("a == 1e999", 6, "finite"), ("a[", 3, "index"), ("a[-1] == 0", 3, "index"),
        ("a[1 == 0", 5, "`]`"), ("a. == 1", 4, "name"), ("$", 2, "$ctx.NAME"), ("$user == 1", 1, "$host"),
        ("$ctx == 1", 1, "$ctx.NAME"), ("$ctx. == 1", 1, "behind each point"), ("$app.x == 1", 1, "PROVIDER:TYPE"),
        ("$app.x: == 1", 1, "behind each"), ("\"x\"", 1, "condition"), ("a && \"x\"", 6, "condition"),
        ("!\"x\"", 2, "condition"), ("1.5", 1, "condition"), ("a || 1.5", 6, "condition"), ("1.5 & a", 1, "an integer"),
        ("a << \"x\"", 6, "an integer"), ("~1.5 == a", 2, "an integer"), ("-\"x\" == a", 2, "a number"),
        ("1 == \"x\"", 6, "a number"), ("\"x\" == 1", 8, "a text"), ("$name == 1", 10, "a text"),
        ("$cpu == \"1\"", 9, "a number"), ("$level == \"LOUD\"", 11, "log level"),
        ("$level == \"INF*\"", 11, "log level"),
        ("a < \"x*\"", 5, "without `*`"), ("\"a*\" == \"b*\"", 9, "without `*`"), ("a << 64", 6, "0 to 63"),
        ("a >> -1", 6, "0 to 63"), ("é == 1", 1, "was expected"), ("a == \"é\" é", 10, "was expected"),
        ("a\n== \t== 1", 7, "not `==`"), ("a @ 1", 3, "was expected"),
    ])
    func `what is wrong is said with its column`(expression: String, column: Int, part: String) throws {
        let error = try #require(refusal(expression), "\(expression)")
        #expect(error.column == column, "\(expression): \(error)")
        #expect(error.reason.contains(part), "\(expression): \(error)")
    }

    @Test func `the mark stands below the column`() throws {
        let error = try #require(refusal("count == \n\"x"))
        #expect(
            error.text("count == \n\"x").split(separator: "\n") == ["\(error)", "  count ==  \"x", "            ^"]
        )
        let long = String(repeating: "a || ", count: 200) + "= 1"
        let lines = try #require(refusal(long)).text(long).split(separator: "\n")
        #expect(lines.count == 3 && lines[1].utf8.count <= 102)
        let mark = lines[2].utf8.count - 1
        #expect(Array(lines[1].utf8)[mark] == UInt8(ascii: "="))
    }

    @Test func `every expression has bounds`() throws {
        let limits = FilterLimits()
        let fits = "a" + String(repeating: " ", count: limits.expressionBytes - 1)
        #expect(refusal(fits) == nil)
        #expect(refusal(fits + " ")?.reason.contains("4096 bytes") == true)
        let parentheses = { String(repeating: "(", count: $0) + "a" + String(repeating: ")", count: $0) }
        #expect(refusal(parentheses(limits.depth)) == nil)
        #expect(refusal(parentheses(limits.depth + 1))?.column == limits.depth + 1)
        let signs = { String(repeating: "!", count: $0) + "a" }
        #expect(refusal(signs(limits.depth)) == nil)
        #expect(refusal(signs(limits.depth + 1))?.column == limits.depth + 1)
        let chain = { Array(repeating: "a", count: $0).joined(separator: "|") }
        #expect(refusal(chain(limits.nodes / 2)) == nil)
        #expect(refusal(chain(limits.nodes / 2 + 2))?.reason.contains("512") == true)
        let path = { "a" + String(repeating: "[1]", count: $0 - 1) }
        #expect(refusal(path(limits.pathComponents)) == nil)
        #expect(refusal(path(limits.pathComponents + 1))?.reason.contains("32") == true)
        let texts = { Array(repeating: "a==\"\"", count: $0).joined(separator: "||") }
        #expect(refusal(texts(limits.texts)) == nil)
        #expect(refusal(texts(limits.texts + 1))?.reason.contains("64 texts") == true)
        #expect(refusal("a == \"\(String(repeating: "x", count: 4000))\"") == nil)
    }
}
