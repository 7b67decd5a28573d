import EventMerge
import Testing

struct SlewedCorrectionTests {
    /// As packets are corrected: evenly between the ends of a slope, rounded down.
    private func amountNs(_ correction: SlewedCorrection, at clockNs: Int64) -> Int64 {
        if correction.isConstant || clockNs <= correction.beginNs { return correction.fromNs }
        if clockNs >= correction.endNs { return correction.toNs }
        let change = Int128(correction.toNs - correction.fromNs) * Int128(clockNs - correction.beginNs)
        let (quotient, remainder) = change.quotientAndRemainder(
            dividingBy: Int128(correction.endNs - correction.beginNs)
        )
        return correction.fromNs + Int64(quotient) - (remainder < 0 ? 1 : 0)
    }

    /// Streams that are read by one clock, each at its own pace, while the correction is turned at random.
    @Test(arguments: UInt64(1)...200)
    func `all streams are corrected by one function, never backward, and within the slope`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var correction = SlewedCorrection()
        var passedNs: [Int64] = [0, 0, 0]
        var known: [(clockNs: Int64, amountNs: Int64)] = []
        var changeCount = 0
        for _ in 0..<400 {
            let stream = random.pick(0..<3)
            let beforeNs = passedNs[stream]
            passedNs[stream] += Int64(random.pick(1..<2_000_000_000))
            // What the stream says between: read with the correction of the time at which it comes.
            for clockNs in [beforeNs + (passedNs[stream] - beforeNs) / 2, passedNs[stream]] {
                known.append((clockNs, amountNs(correction, at: clockNs)))
            }
            guard random.oneIn(3) else { continue }
            let changes = correction.aim(
                at: Int64(random.pick(-300_000_000..<300_000_000)),
                correctedNs: passedNs.max() ?? 0,
                passedNs: passedNs.min() ?? 0
            )
            changeCount += changes ? 1 : 0
        }
        #expect(changeCount > 3)
        known.sort { $0.clockNs < $1.clockNs }
        for (first, second) in zip(known, known.dropFirst()) {
            let spanNs = second.clockNs - first.clockNs
            #expect(first.clockNs + first.amountNs <= second.clockNs + second.amountNs)
            #expect(abs(second.amountNs - first.amountNs) <= spanNs / 20 + 1)
        }
    }

    @Test
    func `it turns again when the last slope is passed, and not before`() {
        var correction = SlewedCorrection()
        let first = correction.aim(at: 50_000_000, correctedNs: 10_000_000_000, passedNs: 0)
        #expect(first && correction.beginNs == 10_000_000_000 && correction.endNs == 11_000_000_000)
        let early = correction.aim(at: 0, correctedNs: 20_000_000_000, passedNs: 10_999_999_999)
        #expect(!early)
        let same = correction.aim(at: 50_000_000, correctedNs: 20_000_000_000, passedNs: 11_000_000_000)
        #expect(!same)
        let second = correction.aim(at: 0, correctedNs: 20_000_000_000, passedNs: 11_000_000_000)
        #expect(second && correction.fromNs == 50_000_000 && correction.toNs == 0)
    }

    @Test
    func `what is far off is come to in more than one slope`() {
        var correction = SlewedCorrection()
        var (nowNs, count) = (Int64(0), 0)
        while correction.toNs != -25_000_000_000, count < 10 {
            let changes = correction.aim(at: -25_000_000_000, correctedNs: nowNs, passedNs: nowNs)
            #expect(changes)
            nowNs = correction.endNs
            count += 1
        }
        #expect(count == 3)
    }

    @Test
    func `the ends of the range are survived`() {
        for target in [Int64.min, .max, 0] {
            for corrected in [Int64.min, 0, .max] {
                var correction = SlewedCorrection()
                for _ in 0..<3 { _ = correction.aim(at: target, correctedNs: corrected, passedNs: .max) }
                #expect(correction.isConstant || correction.beginNs < correction.endNs)
            }
        }
    }
}
