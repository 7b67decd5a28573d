import CTF
import Testing

@testable import Rendering

/// Lines of times as `ClockText` writes them, for a clock with an offset in seconds.
private func times(
    _ cycles: [UInt64],
    offsetSeconds: Int64 = 0,
    offsetCycles: UInt64 = 0,
    frequencyHz: UInt64 = 1_000_000_000,
    correctionNs: Int64 = 0,
    _ change: (inout TextOptions) -> Void = { _ in }
) -> [String] {
    var options = TextOptions()
    options.clockGMT = true
    change(&options)
    var clock = ClockText(options: options)
    let conversion = ClockConversion(
        ClockClass(name: "c", frequencyHz: frequencyHz, offsetSeconds: offsetSeconds, offsetCycles: offsetCycles)
    )
    return cycles.map { value in
        written { clock.append(cycles: value, conversion: conversion, correctionNs: correctionNs, to: &$0) }
    }
}

/// What babeltrace2 2.0.4 prints for the same clocks and values.
struct ClockTextTests {
    @Test func `times of day and differences`() {
        #expect(
            times([5, 123_456_789, 61_000_000_000], offsetSeconds: 1_500_000_000) == [
                "[02:40:00.000000005] (+?.?????????) ", "[02:40:00.123456789] (+0.123456784) ",
                "[02:41:01.000000000] (+60.876543211) ",
            ]
        )
    }

    @Test func `other shapes of the same time`() {
        #expect(
            times([5], offsetSeconds: 1_500_000_000) { $0.clockDate = true }
                == ["[2017-07-14 02:40:00.000000005] (+?.?????????) "]
        )
        #expect(
            times([5], offsetSeconds: 1_500_000_000) {
                $0.clockDate = true
                $0.clockSeconds = true
            } == ["[1500000000.000000005] (+?.?????????) "]
        )
        #expect(
            times([5, 6], offsetSeconds: 1_500_000_000) { $0.showsDelta = false }
                == ["[02:40:00.000000005] ", "[02:40:00.000000006] "]
        )
        #expect(
            times([5, 123_456_789]) {
                $0.clockCycles = true
                $0.clockSeconds = true
            } == ["[00000000000000000005] (+????????????) ", "[00000000000123456789] (+000123456784) "]
        )
        #expect(
            times([5, 6]) { $0.names = .all } == [
                "timestamp = 00:00:00.000000005, delta = +?.?????????",
                "timestamp = 00:00:00.000000006, delta = +0.000000001",
            ]
        )
        #expect(
            times([5]) {
                $0.names = .header
                $0.showsDelta = false
            } == ["timestamp = 00:00:00.000000005"]
        )
    }

    @Test func `a clock of another frequency`() {
        #expect(
            times([1, 2, 1002, 99], offsetSeconds: 100, offsetCycles: 7, frequencyHz: 1000) == [
                "[00:01:40.008000000] (+?.?????????) ", "[00:01:40.009000000] (+0.001000000) ",
                "[00:01:41.009000000] (+1.000000000) ", "[00:01:40.106000000] (+18446744072.806551616) ",
            ]
        )
    }

    @Test func `going back wraps, and minus one says unknown`() {
        #expect(
            times([5_000_000_000, 4_000_000_001, 4_000_000_000, 9_000_000_000], offsetSeconds: 100) == [
                "[00:01:45.000000000] (+?.?????????) ", "[00:01:44.000000001] (+18446744072.709551617) ",
                "[00:01:44.000000000] (+?.?????????) ", "[00:01:49.000000000] (+5.000000000) ",
            ]
        )
        #expect(
            times([UInt64(Int64.max), 1 << 63, .max, 7]) { $0.clockCycles = true } == [
                "[09223372036854775807] (+????????????) ", "[09223372036854775808] (+000000000001) ",
                "[18446744073709551615] (+9223372036854775807) ", "[00000000000000000007] (+9223372036854775807) ",
            ]
        )
    }

    @Test func `times before the origin`() {
        let cycles: [UInt64] = [0, 5, 9_999_999_999, 10_000_000_000, 10_000_000_001, 12_000_000_000]
        #expect(
            times(cycles, offsetSeconds: -10) == [
                "[-10.000000000] (+?.?????????) ", "[00:00:09.999999995] (+0.000000005) ",
                "[00:00:00.000000001] (+9.999999994) ", "[00:00:00.000000000] (+9.999999994) ",
                "[00:00:00.000000001] (+0.000000001) ", "[00:00:02.000000000] (+1.999999999) ",
            ]
        )
        #expect(
            times(cycles, offsetSeconds: -10) { $0.clockSeconds = true } == [
                "[-10.000000000] (+?.?????????) ", "[-9.999999995] (+0.000000005) ", "[-0.000000001] (+9.999999994) ",
                "[0.000000000] (+9.999999994) ", "[0.000000001] (+0.000000001) ", "[2.000000000] (+1.999999999) ",
            ]
        )
    }

    @Test func `times that 64 bits do not hold`() {
        #expect(
            times([1, 1 << 63, 7]) == [
                "[00:00:00.000000001] (+?.?????????) ", "[Error] (+?.?????????) ",
                "[00:00:00.000000007] (+0.000000006) ",
            ]
        )
    }

    @Test func `a correction moves the time`() {
        #expect(times([5], correctionNs: 1_000_000_000) == ["[00:00:01.000000005] (+?.?????????) "])
        #expect(times([5], correctionNs: -5) == ["[00:00:00.000000000] (+?.?????????) "])
    }

    @Test func `the kept second gives what a fresh one gives`() {
        var random = SplitMix(state: 5)
        let cycles = (0..<2000).map { _ in random.next() % 5_000_000_000 }
        let together = times(cycles, offsetSeconds: 1_700_000_000) {
            $0.showsDelta = false
            $0.clockDate = true
        }
        let apart = cycles.map { value in
            times([value], offsetSeconds: 1_700_000_000) {
                $0.showsDelta = false
                $0.clockDate = true
            }[0]
        }
        #expect(together == apart)
    }
}
