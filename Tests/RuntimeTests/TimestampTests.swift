import Testing

@testable import Runtime

struct TimestampTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:00.000000001z", 1),
        ("2026-11-23T15:00:00Z", 1_795_446_000_000_000_000),
        ("2026-11-23 16:00:00+01:00", 1_795_446_000_000_000_000),
        ("2026-11-23T09:30:00-05:30", 1_795_446_000_000_000_000),
        ("2000-02-29T12:34:56.789Z", 951_827_696_789_000_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000_000),
        ("1970-01-01T00:00:00+00:01", -60_000_000_000),
        ("2262-04-11T23:47:16.854775807Z", Int64.max),
    ])
    func `times are read to the nanosecond`(_ text: String, _ nanoseconds: Int64) {
        #expect(Timestamp(rfc3339: text)?.nanoseconds == nanoseconds)
    }

    @Test(arguments: [
        "", "2026", "2026-11-23", "2026-11-23T15:00Z", "2026-11-23T15:00:00", "2026-11-23T15:00:00.Z",
        "2026-11-23T15:00:00.1234567890Z", "2026-11-23T24:00:00Z", "2026-11-23T15:60:00Z", "2026-11-23T15:00:61Z",
        "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
        "2026-11-00T00:00:00Z", "2100-02-29T00:00:00Z", "1969-12-31T23:59:59Z", "2026-11-23T15:00:00+1:00",
        "2026-11-23T15:00:00+24:00", "2026-11-23T15:00:00Zx", "2262-04-11T23:47:16.854775808Z",
        "9999-12-31T23:59:59Z", "２026-11-23T15:00:00Z", "-026-11-23T15:00:00Z",
    ])
    func `anything else is no time`(_ text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test
    func `each day begins a day after the one before`() throws {
        var expected: Int64 = 0
        for year in 1970...2110 {
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            for (month, days) in [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].enumerated() {
                for day in 1...days {
                    let text = "\(year)-\(month < 9 ? "0" : "")\(month + 1)-\(day < 10 ? "0" : "")\(day)T00:00:00Z"
                    #expect(Timestamp(rfc3339: text)?.nanoseconds == expected)
                    expected += 86_400_000_000_000
                }
            }
        }
    }
}
