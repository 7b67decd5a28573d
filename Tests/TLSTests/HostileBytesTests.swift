import TLS
import Testing

/// Peers that do not speak TLS, or not to the end.
struct HostileBytesTests {
    let ours: TestAuthority

    init() throws { ours = try TestAuthority() }

    private func server(_ change: (inout TLSOptions) -> Void = { _ in }) throws -> TLSEngine {
        try TLSEngine(
            TLSContext(server: ours.identity("server"), clientTrust: ours.trust(), options: testOptions(change))
        )
    }

    private func client() throws -> TLSEngine {
        try TLSEngine(
            TLSContext(client: ours.identity("client"), serverTrust: ours.trust(), options: testOptions()),
            serverName: "localhost"
        )
    }

    @Test(arguments: [
        "GET / HTTP/1.1\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "\0\0\0\0\0\0\0\0\0\0\0\0", "CONNECT a:1 HTTP/1.0\r\n\r\n",
        "\u{16}garbage garbage garbage",
    ])
    func `other protocols are told from TLS`(text: String) throws {
        for engine in [try server(), try client()] {
            let error = #expect(throws: TLSError.self) { try engine.receive(Array(text.utf8)) }
            #expect(error?.kind == .notTLS)
            #expect(error?.isRefusal == false)
            #expect(engine.state == .failed(try #require(error)))
            // It stays failed.
            #expect(throws: try #require(error)) { try engine.receive([22, 3, 1]) }
            #expect(throws: try #require(error)) { try engine.writeAll([1]) }
        }
    }

    @Test
    func `bytes of no sense never trap and are refused or waited for`() throws {
        for seed in UInt64(1)...300 {
            var random = SplitMix(state: seed)
            let engine = try server()
            var bytes = (0..<Int(random.next() % 600)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            if seed % 2 == 0 { bytes = [22, 3, 1] + bytes }
            try? engine.receive(bytes)
            #expect(engine.state != .established)
        }
    }

    @Test
    func `a flight with any byte changed never establishes a connection with other data`() throws {
        let hello = try client().takeAllOutput()
        for index in hello.indices {
            var bytes = hello
            bytes[index] ^= 0x41
            let engine = try server()
            try? engine.receive(bytes)
            #expect(engine.state != .established)
        }
    }

    @Test
    func `a flight cut anywhere waits for more, and its end is a truncation`() throws {
        let hello = try client().takeAllOutput()
        for count in 0..<hello.count {
            let engine = try server()
            try engine.receive(Array(hello.prefix(count)))
            #expect(engine.state == .handshaking)
            #expect(engine.outputByteCount == 0)
            let error = #expect(throws: TLSError.self) { try engine.receiveEnd() }
            #expect(error?.kind == .truncated)
        }
    }

    @Test
    func `a handshake has a limit in bytes`() throws {
        let engine = try server { $0.limits.handshakeBytesMax = 1_000 }
        // Pieces of one handshake message that never ends: 16 MiB announced.
        try engine.receive([22, 3, 1, 2, 0, 1, 0, 0xFF, 0xFF] + [UInt8](repeating: 0, count: 508))
        let error = #expect(throws: TLSError.self) {
            try engine.receive([22, 3, 1, 2, 0] + [UInt8](repeating: 0, count: 512))
        }
        #expect(error?.kind == .limitExceeded)
    }

    @Test
    func `nothing is taken for sending before the handshake is done`() throws {
        let engine = try client()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 8, alignment: 1)
        defer { buffer.deallocate() }
        #expect(try engine.write(UnsafeRawBufferPointer(buffer)) == 0)
        #expect(try engine.read(into: buffer) == .wantsMore)
        engine.shutdown()
        #expect(engine.state == .handshaking)
    }
}

/// A small generator of numbers, the same for the same seed.
struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15  // wraps by design
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
