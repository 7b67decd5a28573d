import Foundation
import Glibc

/// Where the project's files and the product under test are.
enum Repository {
    /// The folder with Package.swift.
    static let root: URL = {
        var folder = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
        while folder.path != "/", !FileManager.default.fileExists(atPath: folder.path + "/Package.swift") {
            folder.deleteLastPathComponent()
        }
        return folder
    }()

    /// The `tidemark` that was built beside these tests; `TIDEMARK` in the environment names another.
    static let tidemark: String = {
        if let named = ProcessInfo.processInfo.environment["TIDEMARK"] { return named }
        let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        // `swift test` runs either the test bundle itself or a helper of the toolchain's, which is told the bundle's
        // path.
        let candidates = [tests.path] + CommandLine.arguments
        for candidate in candidates {
            let beside = URL(fileURLWithPath: candidate).deletingLastPathComponent().appendingPathComponent("tidemark")
                .path
            if FileManager.default.isExecutableFile(atPath: beside) { return beside }
        }
        return root.appendingPathComponent(".build/debug/tidemark").path
    }()

    static let cluster = root.appendingPathComponent("Deploy/cluster").path
    static let python = root.appendingPathComponent("Tests/Support/python").path

    /// `tick`, `load` and `fields`, built once per run of the tests.
    static let tracedPrograms: Result<String, Failure> = Result { () throws(Failure) in
        let folder = NSTemporaryDirectory() + "tidemark-traced-\(getuid())"
        let fields = root.appendingPathComponent("Tests/Support/traced").path
        try Command.run([root.appendingPathComponent("Deploy/traced/build").path, folder, "fields", fields])
        return folder
    }
}

/// Why a test could not go on: in words, with what the processes said.
struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// A folder of one test's own, removed at its end.
final class ScratchFolder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "tidemark-test-" + UUID().uuidString.prefix(8)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    func file(_ name: String) -> String { path + "/" + name }

    func write(_ text: String, to name: String) throws -> String {
        try Data(text.utf8).write(to: URL(fileURLWithPath: file(name)))
        return file(name)
    }
}
