import Foundation
import Testing

@testable import Forwarding

/// Our gzip, read by gzip.
struct GzipTests {
    /// What `gzip -dc` makes of the bytes.
    private func unpacked(_ bytes: [UInt8]) throws -> [UInt8] {
        let file = FileManager.default.temporaryDirectory.path + "/tidemark-gzip-\(UUID().uuidString)"
        try Data(bytes).write(to: URL(fileURLWithPath: file))
        defer { try? FileManager.default.removeItem(atPath: file) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["sh", "-c", "exec gzip -dc <'\(file)'"]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return Array(output)
    }

    @Test
    func `gzip reads what it makes`() throws {
        var generator = SystemRandomNumberGenerator()
        let random = (0..<70_000).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        let text = Array(String(repeating: "seqno 12345 msg hello world; ", count: 5000).utf8)
        let narrow = (0..<100_000).map { _ in UInt8.random(in: 0...3, using: &generator) }
        let inputs: [[UInt8]] = [
            [], [0], [1, 2], [7, 7, 7], Array(repeating: 9, count: 259), Array(repeating: 0, count: 100_000), random,
            text,
            narrow, random + random.prefix(40_000) + text, Array(0...255),
        ]
        for input in inputs {
            let packed = Gzip.compress(input)
            #expect(try unpacked(packed) == input, "\(input.count) bytes")
            #expect(packed.count <= input.count + input.count / 8 + 32)
        }
        #expect(Gzip.compress(text).count < text.count / 30)
    }

    @Test
    func `the checksum is that of the format`() {
        #expect(CRC32.checksum(Array("123456789".utf8)) == 0xCBF4_3926)
    }
}
