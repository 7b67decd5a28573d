import Glibc
import Testing

@testable import Rendering

/// What a pen has written.
func written(_ body: (inout OutputPen) -> Void) -> String {
    var pen = OutputPen(capacityBytes: 64)
    defer { pen.deallocate() }
    body(&pen)
    return String(decoding: UnsafeBufferPointer(start: pen.base, count: pen.count), as: UTF8.self)
}

/// A small generator, so that every run sees the same numbers.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

private func general(_ value: Double) -> String {
    withVaList([value]) { arguments in
        var bytes = [CChar](repeating: 0, count: 64)
        let count = vsnprintf(&bytes, bytes.count, "%g", arguments)
        return String(decoding: bytes.prefix(Int(count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

struct NumberTests {
    @Test func `integers are written as the language writes them`() {
        var random = SplitMix(state: 1)
        var values: [UInt64] = [0, 9, 10, 99, 100, 999, 1000, .max, .max - 1, 1 << 63]
        for digits in 1..<20 {
            var power: UInt64 = 1
            for _ in 0..<digits { power *= 10 }
            values += [power - 1, power, power + 1]
        }
        for shift in 0..<64 { values.append(random.next() >> UInt64(shift)) }
        for value in values {
            #expect(written { $0.appendDecimal(value) } == String(value))
            let signed = Int64(bitPattern: value)
            #expect(written { $0.appendDecimal(signed) } == String(signed))
            #expect(written { $0.append(value, bitsPerDigit: 4) } == String(value, radix: 16, uppercase: true))
            #expect(written { $0.append(value, bitsPerDigit: 3) } == String(value, radix: 8))
        }
    }

    @Test func `nine digits have leading zeros`() {
        for value: UInt32 in [0, 1, 12, 123_456_789, 999_999_999, 100_000_000, 10_000] {
            let digits = String(value)
            let padded = String(repeating: "0", count: 9 - digits.count) + digits
            #expect(written { $0.appendNineDigits(value) } == padded)
        }
    }

    @Test func `floats are written as the C library writes them`() {
        var random = SplitMix(state: 2)
        var values: [Double] = [
            0, -0.0, 1, -1, 0.1, 0.5, 2.5, 1e5, 999_999, 999_999.5, 999_999.4999, 1e6, 1_234_565, 1_234_575, 1e-4, 1e-5,
            9.9999995e-5, 0.000123456789, 1e22, 1e23, 1e37, 1e100, 1e-300, .leastNonzeroMagnitude,
            .greatestFiniteMagnitude, .infinity,
            -.infinity, 123457.5, 123456.5, -123456.5, 0.0001234565, 1e15, 1e16, 4503599627370496, 9007199254740994,
        ]
        for _ in 0..<20_000 {
            values.append(Double(bitPattern: random.next()))
            values.append(Double(Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))))
            // Numbers of everyday size, and such that lie halfway between two of six digits.
            let whole = Double(random.next() % 10_000_000)
            var scale = 1.0
            for _ in 0..<random.next() % 12 { scale *= 10 }
            values += [whole / scale, (whole + 0.5) / scale, whole * scale, (whole + 0.5) / 1024]
        }
        for value in values where !value.isNaN {
            #expect(written { $0.appendGeneral(value) } == general(value), "\(value)")
        }
        #expect(written { $0.appendGeneral(.nan) } == "nan")
    }

    @Test func `JSON floats read back as the same double`() throws {
        var random = SplitMix(state: 3)
        for _ in 0..<10_000 {
            let value = Double(bitPattern: random.next())
            guard value.isFinite else { continue }
            #expect(Double(written { $0.appendJSON(value) }) == value)
            let small = Double(Int64(truncatingIfNeeded: random.next()) >> 20) / 8
            let text = written { $0.appendJSON(small) }
            #expect(Double(text) == small)
            #expect(text.count <= small.description.count || small.magnitude >= 1e15)
        }
        #expect(written { $0.appendJSON(-0.0) } == "-0.0")
        #expect(written { $0.appendJSON(0.5) } == "0.5")
        #expect(written { $0.appendJSON(.nan) } == "\"NaN\"")
        #expect(written { $0.appendJSON(.infinity) } == "\"Infinity\"")
        #expect(written { $0.appendJSON(-.infinity) } == "\"-Infinity\"")
    }

    @Test func `a pen keeps what it holds when it grows`() {
        let text = written { pen in
            for index in 0..<1000 { pen.appendDecimal(UInt64(index)) }
        }
        #expect(text == (0..<1000).map(String.init).joined())
    }
}
