import Foundation
import TLS

/// A directory that goes with its owner.
final class TemporaryDirectory {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/tidemark-tls-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ text: String, to name: String) throws -> String {
        let file = "\(path)/\(name)"
        try text.write(toFile: file, atomically: false, encoding: .utf8)
        return file
    }
}

/// The moment that all certificates of these tests are made for, in seconds since the Unix epoch.
let testTime: Int64 = 1_800_000_000

/// One authority with its server and client, valid from `testTime` for a day unless told otherwise.
final class TestAuthority {
    let directory: TemporaryDirectory
    let authority: CertificateAuthority

    init(
        validFrom: Int64 = testTime - 3_600,
        leafDays: Int = 1,
        serverNames: [String] = ["localhost"]
    ) throws {
        directory = try TemporaryDirectory()
        var terms = CertificateAuthority.Terms()
        terms.validFrom = validFrom
        terms.leafDays = leafDays
        terms.serverNames = serverNames
        authority = try CertificateAuthority.create(inDirectory: directory.path, terms: terms).authority
    }

    func file(_ name: String) -> String { "\(directory.path)/\(name)" }

    func identity(_ name: String) throws -> TLSIdentity {
        try TLSIdentity(certificateFile: file("\(name).pem"), keyFile: file("\(name).key"))
    }

    func trust() throws -> TLSTrust { try TLSTrust(file: file("ca.pem")) }
}

/// Options at `testTime`.
func testOptions(_ change: (inout TLSOptions) -> Void = { _ in }) -> TLSOptions {
    var options = TLSOptions()
    options.verificationTime = testTime
    change(&options)
    return options
}

extension TLSEngine {
    /// All waiting output.
    func takeAllOutput() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: outputByteCount)
        let count = bytes.withUnsafeMutableBytes { takeOutput(into: $0) }
        precondition(count == bytes.count)
        return bytes
    }

    func receive(_ bytes: [UInt8]) throws(TLSError) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        defer { copy.deallocate() }
        copy.copyBytes(from: bytes)
        try receive(UnsafeRawBufferPointer(copy))
    }

    /// All plaintext that is there, and whether the peer closed.
    func readAll(step: Int = 4_096) throws(TLSError) -> (bytes: [UInt8], closed: Bool) {
        var all: [UInt8] = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: step, alignment: 1)
        defer { buffer.deallocate() }
        while true {
            switch try read(into: buffer) {
            case .bytes(let count): all.append(contentsOf: buffer[..<count])
            case .wantsMore: return (all, false)
            case .closed: return (all, true)
            }
        }
    }

    /// Takes all bytes given; the limit is not in play.
    func writeAll(_ bytes: [UInt8]) throws(TLSError) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        defer { copy.deallocate() }
        copy.copyBytes(from: bytes)
        let taken = try write(UnsafeRawBufferPointer(copy))
        precondition(taken == bytes.count)
    }
}

/// Two engines back to back.
struct EnginePair {
    let client: TLSEngine
    let server: TLSEngine
    var clientError: TLSError?
    var serverError: TLSError?
    var clientRead: [UInt8] = []
    var serverRead: [UInt8] = []

    init(client: TLSContext, server: TLSContext, serverName: String = "localhost") throws {
        self.client = try TLSEngine(client, serverName: serverName)
        self.server = try TLSEngine(server)
    }

    /// Carries bytes to and fro, in pieces of at most `step` bytes, until nobody has anything to say.
    mutating func pump(step: Int = .max) {
        while client.outputByteCount > 0 || server.outputByteCount > 0 {
            Self.carry(client.takeAllOutput(), to: server, step, &serverRead, &serverError)
            Self.carry(server.takeAllOutput(), to: client, step, &clientRead, &clientError)
        }
    }

    private static func carry(
        _ bytes: [UInt8],
        to engine: TLSEngine,
        _ step: Int,
        _ plaintext: inout [UInt8],
        _ failure: inout TLSError?
    ) {
        var rest = bytes[...]
        while !rest.isEmpty, failure == nil {
            let piece = Array(rest.prefix(step))
            rest = rest.dropFirst(piece.count)
            do throws(TLSError) {
                try engine.receive(piece)
                plaintext += try engine.readAll().bytes
            } catch {
                failure = error
            }
        }
    }
}

/// Bytes that do not repeat soon.
func pattern(_ count: Int) -> [UInt8] {
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15
    return (0..<count).map { _ in
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return UInt8(truncatingIfNeeded: state)
    }
}
