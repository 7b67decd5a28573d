import Foundation
import FuzzTargets
import Testing

/// The fuzzing targets without a fuzzer: on the stored corpus, and on changes of it that a seed decides.
///
/// A law that does not hold ends the process, and standard error names the input.
@Suite(.serialized) struct FuzzReplayTests {
    @Test(arguments: FuzzTarget.allCases)
    func `the stored seeds are those that our writers write`(target: FuzzTarget) throws {
        let corpus = Corpus(target)
        if ProcessInfo.processInfo.environment["UPDATE_FIXTURES"] != nil { try corpus.replaceSeeds(target.seeds) }
        let stored = try corpus.inputs().filter { $0.name.hasPrefix("seed-") }
        let written = target.seeds.sorted { "seed-" + $0.name < "seed-" + $1.name }
        let isCurrent = stored.map(\.bytes) == written.map(\.bytes)
        #expect(isCurrent, "UPDATE_FIXTURES=1 swift test --filter FuzzReplay writes them anew")
        #expect(stored.map(\.name) == written.map { "seed-" + $0.name })
    }

    @Test(arguments: FuzzTarget.allCases)
    func `every law holds for the stored corpus`(target: FuzzTarget) throws {
        let inputs = try Corpus(target).inputs()
        #expect(inputs.count >= 20)
        for input in inputs { InputAtWork.run(target, input.bytes, named: "\(input.name) of its corpus") }
    }

    @Test(arguments: FuzzTarget.allCases, [1, 2] as [UInt64])
    func `every law holds for changes of the corpus`(target: FuzzTarget, seed: UInt64) throws {
        var mutator = Mutator(corpus: try Corpus(target).inputs().map(\.bytes), seed: seed)
        for count in 1...500 {
            let bytes = mutator.next()
            InputAtWork.run(
                target,
                bytes,
                named: "change \(count) of seed \(seed): \(Data(bytes).base64EncodedString())"
            )
        }
    }

    @Test func `whatever is no input at all is survived`() {
        for target in FuzzTarget.allCases {
            for bytes in [[], [0], [0x1E], [0x57], [0x75, 0xD1, 0x1D], [0xFF, 0xFF, 0xFF]] as [[UInt8]] {
                InputAtWork.run(target, bytes, named: "\(bytes)")
            }
        }
    }
}
