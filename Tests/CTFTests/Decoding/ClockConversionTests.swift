import CTF
import PacketWriter
import Testing

@Suite struct ClockConversionTests {
    @Test func `offset seconds, offset cycles and cycles are floored apart`() {
        let clock = ClockClass(name: "c", frequencyHz: 19_200_000, offsetSeconds: 3, offsetCycles: 1)
        let conversion = ClockConversion(clock)
        // 1 cycle is 52.08 ns: twice 52, where the sum of both would be 104.
        #expect(conversion.nanoseconds(1) == 3_000_000_000 + 52 + 52)
        #expect(conversion.nanoseconds(2) == 3_000_000_000 + 52 + 104)
    }

    @Test func `large values are exact`() {
        let conversion = ClockConversion(ClockClass(name: "c", frequencyHz: 19_200_000))
        #expect(conversion.nanoseconds(1 << 57) == 7_505_999_378_950_826_666)
    }

    @Test func `a clock may begin before its origin`() {
        let clock = ClockClass(name: "c", frequencyHz: 1_000_000_000, offsetSeconds: -2, offsetCycles: 5)
        #expect(ClockConversion(clock).nanoseconds(1) == -2_000_000_000 + 6)
    }

    @Test func `what does not fit saturates`() {
        let late = ClockConversion(ClockClass(name: "c", offsetSeconds: .max))
        #expect(late.nanoseconds(0) == .max)
        let early = ClockConversion(ClockClass(name: "c", offsetSeconds: .min))
        #expect(early.nanoseconds(0) == .min)
        // From far below zero even 2^64 - 1 cycles fit.
        #expect(early.nanoseconds(.max) == .max)
        let slow = ClockConversion(ClockClass(name: "c", frequencyHz: 1))
        #expect(slow.nanoseconds(.max) == .max)
        #expect(ClockConversion(ClockClass(name: "c")).nanoseconds(1 << 63) == .max)
    }

    @Test(arguments: [1, 3, 1000, 19_200_000, 1_000_000_000, 2_400_000_001, .max] as [UInt64])
    func `cycles at or before an instant are the last that are not after it`(frequencyHz: UInt64) {
        var random = SeededRandom(seed: frequencyHz)
        let conversion = ClockConversion(
            ClockClass(name: "c", frequencyHz: frequencyHz, offsetSeconds: 1_700_000_000)
        )
        for _ in 0..<500 {
            let instant = 1_700_000_000_000_000_000 + Int64(random.next() >> UInt64.random(in: 2...63, using: &random))
            let cycles = conversion.cycles(atOrBefore: instant)
            #expect(cycles == .max || conversion.nanoseconds(cycles) <= instant)
            #expect(cycles == .max || conversion.nanoseconds(cycles + 1) > instant)
        }
        #expect(conversion.cycles(atOrBefore: 0) == 0)
    }
}
