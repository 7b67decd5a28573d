import Feed

/// Who found something.
package enum CheckerName: String, Sendable, CaseIterable {
    case order
    case completeness
    case once
    case watermark
    case loss
    case bounds
    case liveness
    case determinism
}

/// Something that must not be.
package struct Finding: Sendable, CustomStringConvertible {
    package var checker: CheckerName
    /// Simulated time, nanoseconds.
    package var atNs: UInt64
    package var text: String

    package var description: String { "\(checker.rawValue): \(text) (at \(atNs / 1_000_000) ms)" }
}

/// How a world went.
package struct Verdict: Sendable {
    package let seed: UInt64
    /// The first of them, at most `findingsMax`.
    package private(set) var findings: [Finding] = []
    package internal(set) var eventCount = 0
    /// Events in the last coordinator's feed.
    package internal(set) var deliveredCount = 0
    /// Of all that came out, and when: equal for equal runs.
    package private(set) var traceHash: UInt64 = 0xCBF2_9CE4_8422_2325

    private static let findingsMax = 50

    init(seed: UInt64) {
        self.seed = seed
    }

    /// The command that runs the world again, with a log of what happens.
    package var replayCommand: String { "Tests/Simulator/run --seed \(seed) --trace" }

    mutating func found(_ checker: CheckerName, atNs: UInt64, _ text: String) {
        guard findings.count < Self.findingsMax else { return }
        findings.append(Finding(checker: checker, atNs: atNs, text: text))
    }

    mutating func hash(_ number: UInt64) {
        // FNV-1a's step, on words: wraps by design.
        traceHash = (traceHash ^ number) &* 0x0000_0100_0000_01B3
        traceHash ^= traceHash >> 29
    }

    mutating func hash(_ bytes: UnsafeRawBufferPointer) {
        hash(UInt64(bytes.count))
        var offset = 0
        while offset + 8 <= bytes.count {
            hash(bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            offset += 8
        }
        while offset < bytes.count {
            hash(UInt64(bytes[offset]))
            offset += 1
        }
    }

    /// Another run of the same world must have gone the same way.
    package mutating func compare(with other: Verdict) {
        guard traceHash != other.traceHash else { return }
        found(.determinism, atNs: 0, "two runs of one seed differ: \(traceHash) and \(other.traceHash)")
    }
}
