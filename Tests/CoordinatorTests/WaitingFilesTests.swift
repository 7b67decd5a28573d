import Testing

@testable import Coordinator

@Suite struct WaitingFilesTests {
    /// The same with a sorted array.
    private struct Model {
        var files: [(beginNs: Int64, file: Int)] = []

        mutating func add(_ file: Int, beginNs: Int64, beforeEqual: Bool) {
            let place = files.firstIndex { beforeEqual ? $0.beginNs >= beginNs : $0.beginNs > beginNs }
            files.insert((beginNs, file), at: place ?? files.count)
        }
    }

    @Test(arguments: UInt64(1)...50) func `files come in the order of their begins, and of their adding`(seed: UInt64) {
        var state = seed
        func random(_ count: UInt64) -> UInt64 {
            // Constants of a linear generator; its low bits are poor.
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % count
        }
        var waiting = WaitingFiles()
        var model = Model()
        for file in 0..<300 {
            let beginNs = Int64(random(12)) - 6
            let beforeEqual = random(2) == 0
            if beforeEqual {
                waiting.addBeforeEqual(file, beginNs: beginNs)
            } else {
                waiting.add(file, beginNs: beginNs)
            }
            model.add(file, beginNs: beginNs, beforeEqual: beforeEqual)
            while random(5) < 2, let first = model.files.first {
                #expect(waiting.firstBeginNs == first.beginNs)
                #expect(waiting.popFirst() == first.file)
                model.files.removeFirst()
            }
            #expect(waiting.isEmpty == model.files.isEmpty)
        }
        for (_, file) in model.files { #expect(waiting.popFirst() == file) }
        #expect(waiting.popFirst() == nil && waiting.isEmpty && waiting.firstBeginNs == nil)
    }
}
