import Foundation
import FuzzTargets

/// The stored inputs of a target: `Tests/Fuzzing/Corpus/TARGET`.
struct Corpus {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Corpus")

    let directory: URL

    init(_ target: FuzzTarget) {
        directory = Self.root.appending(path: target.rawValue)
    }

    /// The inputs by name.
    func inputs() throws -> [FuzzSeed] {
        try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted().map { name in
            FuzzSeed(name: name, bytes: Array(try Data(contentsOf: directory.appending(path: name))))
        }
    }

    /// Replaces the seeds, which are the files whose names begin with `seed-`.
    func replaceSeeds(_ seeds: [FuzzSeed]) throws {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        for input in try inputs() where input.name.hasPrefix("seed-") {
            try FileManager.default.removeItem(at: directory.appending(path: input.name))
        }
        for seed in seeds { try Data(seed.bytes).write(to: directory.appending(path: "seed-" + seed.name)) }
    }
}
