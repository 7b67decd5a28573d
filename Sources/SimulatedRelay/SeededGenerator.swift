/// Numbers that follow from their seed alone (SplitMix64).
struct SeededGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    /// A generator for one place of a run: equal numbers give an equal generator.
    init(_ numbers: UInt64...) {
        state = 0
        for number in numbers { state = Self.mixed(state &+ Self.step ^ number) }
    }

    // Wrapping arithmetic throughout: the numbers are bit patterns.
    private static let step: UInt64 = 0x9E37_79B9_7F4A_7C15

    private static func mixed(_ word: UInt64) -> UInt64 {
        var value = word
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    mutating func next() -> UInt64 {
        state &+= Self.step
        return Self.mixed(state)
    }

    /// A number below `bound`, which is at least 1.
    mutating func below(_ bound: UInt64) -> UInt64 {
        next().multipliedFullWidth(by: bound).high
    }
}
