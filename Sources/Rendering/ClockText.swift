import CTF
import Glibc

/// Writes the time that begins a line: when the event was, and how long after the one before.
///
/// The date and the time of day change once a second, so their text is kept until they do. Where babeltrace2 has quirks
/// (differences are unsigned, all ones stand for "unknown", the first negative time falls back to seconds), they are
/// kept: its text is what scripts read.
struct ClockText: BitwiseCopyable {
    private static let unknown = UInt64.max
    private static let nanosecondsPerSecond: Int64 = 1_000_000_000

    private let options: TextOptions
    private var lastTime = Self.unknown
    private var delta = Self.unknown
    /// The second whose text is kept, nanoseconds; no text is kept while its count is zero.
    private var keptSecondNs: Int64 = 0
    private var keptCount = 0
    private var kept: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0)
    /// Set when a time before the origin was met for the first time, until somebody has said so.
    private(set) var hasMetNegativeTime = false

    init(options: TextOptions) {
        self.options = options
    }

    /// - Parameters:
    ///   - cycles: the clock's value.
    ///   - correctionNs: added to the time, nanoseconds.
    @inline(__always)
    mutating func append(cycles: UInt64, conversion: ClockConversion, correctionNs: Int64, to pen: inout OutputPen) {
        if _slowPath(options.clockCycles || options.names.contains(.header)) {
            return appendUnusual(cycles: cycles, conversion: conversion, correctionNs: correctionNs, to: &pen)
        }
        let timeNs = Self.corrected(conversion.nanoseconds(cycles), by: correctionNs)
        pen.append(0x5B)
        appendTime(timeNs, to: &pen)
        guard options.showsDelta else { return pen.appendLiteral("] ") }
        note(timeNs)
        pen.appendLiteral("] (+")
        appendDelta(to: &pen)
        pen.appendLiteral(") ")
    }

    @inline(never)
    private mutating func appendUnusual(
        cycles: UInt64,
        conversion: ClockConversion,
        correctionNs: Int64,
        to pen: inout OutputPen
    ) {
        let hasNames = options.names.contains(.header)
        let timeNs = Self.corrected(conversion.nanoseconds(cycles), by: correctionNs)
        if hasNames { pen.appendLiteral("timestamp = ") } else { pen.appendLiteral("[") }
        if options.clockCycles {
            pen.appendDecimal(cycles, width: 20)
            note(UInt64(cycles))
        } else {
            appendTime(timeNs, to: &pen)
            note(timeNs)
        }
        if !hasNames { pen.appendLiteral("]") }
        if options.showsDelta {
            if hasNames { pen.appendLiteral(", delta = +") } else { pen.appendLiteral(" (+") }
            if options.clockCycles {
                if delta == Self.unknown {
                    pen.appendLiteral("????????????")
                } else {
                    pen.appendDecimal(delta, width: 12)
                }
            } else {
                appendDelta(to: &pen)
            }
            if !hasNames { pen.appendLiteral(")") }
        }
        if !hasNames { pen.appendLiteral(" ") }
    }

    /// Appends a time by itself, as losses have it.
    mutating func appendTimeAlone(_ timeNs: Int64, to pen: inout OutputPen) {
        appendTime(timeNs, to: &pen)
    }

    // MARK: Differences

    @inline(__always)
    private mutating func note(_ timeNs: Int64) {
        // Times that do not fit in 64 bits have no difference.
        if _slowPath(timeNs == .max || timeNs == .min) { return }
        note(UInt64(bitPattern: timeNs))
    }

    @inline(__always)
    private mutating func note(_ time: UInt64) {
        if lastTime != Self.unknown { delta = time &- lastTime }
        lastTime = time
    }

    @inline(__always)
    private func appendDelta(to pen: inout OutputPen) {
        if delta < 1_000_000_000 {
            pen.appendLiteral("0.")
            pen.appendNineDigits(UInt32(truncatingIfNeeded: delta))
        } else if delta == Self.unknown {
            pen.appendLiteral("?.?????????")
        } else {
            pen.appendDecimal(delta / 1_000_000_000)
            pen.append(0x2E)
            pen.appendNineDigits(UInt32(truncatingIfNeeded: delta % 1_000_000_000))
        }
    }

    @inline(__always)
    private static func corrected(_ timeNs: Int64, by correctionNs: Int64) -> Int64 {
        let (sum, overflow) = timeNs.addingReportingOverflow(correctionNs)
        return overflow ? (correctionNs < 0 ? .min : .max) : sum
    }

    // MARK: Times

    @inline(__always)
    private mutating func appendTime(_ timeNs: Int64, to pen: inout OutputPen) {
        // Both are far from the ends of Int64 while a text is kept.
        let sinceKeptNs = timeNs &- keptSecondNs
        if _slowPath(keptCount == 0 || sinceKeptNs < 0 || sinceKeptNs >= Self.nanosecondsPerSecond) {
            return appendNewSecond(timeNs, to: &pen)
        }
        appendKept(to: &pen)
        pen.appendNineDigits(UInt32(truncatingIfNeeded: sinceKeptNs))
    }

    @inline(__always)
    private func appendKept(to pen: inout OutputPen) {
        pen.reserve(48)
        UnsafeMutableRawPointer(pen.position).storeBytes(
            of: kept,
            as: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64).self
        )
        pen.position += keptCount
    }

    @inline(never)
    private mutating func appendNewSecond(_ timeNs: Int64, to pen: inout OutputPen) {
        guard timeNs != .max, timeNs != .min else { return pen.appendLiteral("Error") }
        guard timeNs >= 0 else { return appendNegative(timeNs, to: &pen) }
        let second = timeNs / Self.nanosecondsPerSecond
        keptSecondNs = second * Self.nanosecondsPerSecond
        keptCount = 0
        let start = pen.count
        if options.clockSeconds {
            pen.appendDecimal(second)
        } else {
            appendTimeOfDay(second, to: &pen)
        }
        pen.append(0x2E)
        let count = pen.count - start
        if count <= 48 {
            withUnsafeMutableBytes(of: &kept) {
                $0.copyMemory(from: UnsafeRawBufferPointer(start: pen.base + start, count: count))
            }
            keptCount = count
        }
        pen.appendNineDigits(UInt32(truncatingIfNeeded: timeNs - keptSecondNs))
    }

    /// A time before the origin: the first one as seconds, later ones as if the sign were not there.
    private mutating func appendNegative(_ timeNs: Int64, to pen: inout OutputPen) {
        let magnitude = timeNs.magnitude
        let second = Int64(magnitude / 1_000_000_000)
        if options.clockSeconds || !hasMetNegativeTime {
            if !options.clockSeconds { hasMetNegativeTime = true }
            pen.append(0x2D)
            pen.appendDecimal(second)
        } else {
            appendTimeOfDay(second, to: &pen)
        }
        pen.append(0x2E)
        pen.appendNineDigits(UInt32(truncatingIfNeeded: magnitude % 1_000_000_000))
    }

    /// `hh:mm:ss`, the date before it if asked for.
    private func appendTimeOfDay(_ second: Int64, to pen: inout OutputPen) {
        var time = time_t(second)
        var parts = tm()
        let isKnown = options.clockGMT ? gmtime_r(&time, &parts) != nil : localtime_r(&time, &parts) != nil
        guard isKnown else { return pen.appendLiteral("Error") }
        if options.clockDate {
            pen.appendDecimal(Int64(parts.tm_year) + 1900)
            pen.append(0x2D)
            pen.appendDecimal(UInt64(parts.tm_mon + 1), width: 2)
            pen.append(0x2D)
            pen.appendDecimal(UInt64(parts.tm_mday), width: 2)
            pen.append(0x20)
        }
        pen.appendDecimal(UInt64(parts.tm_hour), width: 2)
        pen.append(0x3A)
        pen.appendDecimal(UInt64(parts.tm_min), width: 2)
        pen.append(0x3A)
        pen.appendDecimal(UInt64(parts.tm_sec), width: 2)
    }
}
