import TLS
import Testing

/// Bytes through an established connection.
struct StreamTests {
    let ours: TestAuthority

    init() throws { ours = try TestAuthority() }

    private func contexts(
        _ change: (inout TLSOptions) -> Void = { _ in }
    ) throws -> (client: TLSContext, server: TLSContext) {
        let options = testOptions(change)
        return (
            try TLSContext(client: ours.identity("client"), serverTrust: ours.trust(), options: options),
            try TLSContext(server: ours.identity("server"), clientTrust: ours.trust(), options: options)
        )
    }

    private func established(_ change: (inout TLSOptions) -> Void = { _ in }) throws -> EnginePair {
        let (client, server) = try contexts(change)
        var pair = try EnginePair(client: client, server: server)
        pair.pump()
        #expect(pair.client.state == .established && pair.server.state == .established)
        return pair
    }

    @Test(arguments: [1, 2, 3, 5, 6, 7, 64, 1_000, 16_389, Int.max])
    func `any split of the bytes gives the same plaintext`(step: Int) throws {
        let (client, server) = try contexts()
        var pair = try EnginePair(client: client, server: server)
        pair.pump(step: step)
        let sizes = step < 64 ? [1, 0, 300] : [1, 16_384, 0, 16_385, 100_000]
        var sent: [UInt8] = []
        for size in sizes {
            let bytes = pattern(size)
            try pair.client.writeAll(bytes)
            try pair.server.writeAll(bytes)
            sent += bytes
            pair.pump(step: step)
        }
        #expect(pair.clientRead == sent)
        #expect(pair.serverRead == sent)
        #expect(pair.clientError == nil && pair.serverError == nil)
    }

    @Test(arguments: [1, 7, 16_384, 1 << 20])
    func `reading in pieces of any size gives the same plaintext`(step: Int) throws {
        let pair = try established()
        let bytes = pattern(step == 1 ? 5_000 : 200_000)
        try pair.client.writeAll(bytes)
        try pair.server.receive(pair.client.takeAllOutput())
        #expect(try pair.server.readAll(step: step).bytes == bytes)
        #expect(pair.server.unreadByteCount == 0)
    }

    @Test
    func `lent memory on both sides is used without a queue between`() throws {
        let pair = try established()
        let before = (pair.client.copiedByteCount, pair.server.copiedByteCount)
        let plaintext = pattern(1 << 20)
        var sealed = [UInt8](repeating: 0, count: TLSEngine.sealedByteCount(of: plaintext.count))
        let (taken, put) = try sealInto(&sealed, plaintext, pair.client)
        #expect(taken == plaintext.count)
        #expect(put > plaintext.count && put <= sealed.count)
        #expect(pair.client.outputByteCount == 0)

        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: put, alignment: 1)
        defer { copy.deallocate() }
        copy.copyBytes(from: sealed[..<put])
        let read = try pair.server.withReceived(UnsafeRawBufferPointer(copy)) { (engine) throws(TLSError) in
            try engine.readAll(step: 64 << 10).bytes
        }
        #expect(read == plaintext)
        #expect(pair.client.copiedByteCount == before.0)
        #expect(pair.server.copiedByteCount == before.1)
    }

    @Test
    func `bytes left unread go before bytes that are lent`() throws {
        let pair = try established()
        var sent: [UInt8] = []
        var read: [UInt8] = []
        for size in [30_000, 10, 50_000, 1] {
            let bytes = pattern(size)
            sent += bytes
            try pair.client.writeAll(bytes)
            let sealed = pair.client.takeAllOutput()
            try pair.server.receive(Array(sealed.prefix(sealed.count / 2)))
            let rest = UnsafeMutableRawBufferPointer.allocate(byteCount: sealed.count, alignment: 1)
            defer { rest.deallocate() }
            rest.copyBytes(from: sealed)
            let lent = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(rest)[(sealed.count / 2)...])
            // Only the first bytes are read, so that some of the lent ones are left over too.
            read += try pair.server.withReceived(lent) { (engine) throws(TLSError) in
                let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 100, alignment: 1)
                defer { buffer.deallocate() }
                guard case .bytes(let count) = try engine.read(into: buffer) else { return [] }
                return Array(buffer[..<count])
            }
        }
        read += try pair.server.readAll().bytes
        #expect(read == sent)
    }

    @Test
    func `a server says nothing by itself after the handshake, tickets least of all`() throws {
        let (clientContext, serverContext) = try contexts()
        let client = try TLSEngine(clientContext, serverName: "localhost")
        let server = try TLSEngine(serverContext)
        try server.receive(client.takeAllOutput())
        try client.receive(server.takeAllOutput())
        try server.receive(client.takeAllOutput())
        #expect(server.state == .established)
        #expect(server.outputByteCount == 0)
    }

    @Test
    func `output that waits goes before bytes sealed into the caller's buffer`() throws {
        var pair = try established()
        try pair.client.writeAll(Array("first ".utf8))
        let waiting = pair.client.outputByteCount
        // Too small for the waiting output, then for the new record: order holds in both cases.
        for room in [waiting / 2, waiting, waiting + 10, waiting + 100] {
            var small = [UInt8](repeating: 0, count: room)
            let (taken, put) = try sealInto(&small, Array("second ".utf8), pair.client)
            #expect(taken == 7)
            try pair.server.receive(Array(small[..<put]))
            pair.pump()
            let words = try pair.server.readAll().bytes
            let read = String(decoding: pair.serverRead + words, as: UTF8.self)
            #expect(read == "first second ")
            pair.serverRead = []
            try pair.client.writeAll(Array("first ".utf8))
        }
    }

    @Test
    func `a writer is held at the limit of waiting output and goes on when it is taken`() throws {
        var pair = try established { $0.limits.outgoingBytesMax = 100_000 }
        let plaintext = pattern(1 << 20)
        var rest = plaintext[...]
        var turns = 0
        while !rest.isEmpty {
            let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: rest.count, alignment: 1)
            defer { copy.deallocate() }
            copy.copyBytes(from: rest)
            while true {
                let taken = try pair.client.write(
                    UnsafeRawBufferPointer(rebasing: copy[(copy.count - rest.count)...])
                )
                rest = rest.dropFirst(taken)
                if taken == 0 || rest.isEmpty { break }
            }
            #expect(pair.client.outputByteCount <= 100_000)
            pair.pump()
            turns += 1
        }
        #expect(turns >= 10)
        #expect(pair.serverRead == plaintext)
    }

    @Test
    func `received bytes that nobody reads are bounded`() throws {
        let pair = try established { $0.limits.incomingBytesMax = 50_000 }
        try pair.client.writeAll(pattern(40_000))
        try pair.server.receive(pair.client.takeAllOutput())
        #expect(pair.server.unreadByteCount > 40_000)
        try pair.client.writeAll(pattern(40_000))
        let more = pair.client.takeAllOutput()
        let error = #expect(throws: TLSError.self) { try pair.server.receive(more) }
        #expect(error?.kind == .limitExceeded)
    }

    @Test
    func `keys are renewed on the way and the stream goes on`() throws {
        var pair = try established { $0.limits.recordsPerKeyMax = 3 }
        let bytes = pattern(10_000)
        var sealedSizes: [Int] = []
        for _ in 0..<20 {
            try pair.client.writeAll(bytes)
            sealedSizes.append(pair.client.outputByteCount)
            pair.pump()
        }
        // Each third write is preceded by a record that announces the new key.
        let plain = sealedSizes[0]
        #expect(sealedSizes.enumerated().allSatisfy { index, size in (size > plain) == (index > 0 && index % 3 == 0) })
        #expect(pair.serverError == nil)
        #expect(pair.serverRead == Array(repeatElement(bytes, count: 20).joined()))
    }

    @Test
    func `an orderly end is seen as one, after all data`() throws {
        let pair = try established()
        try pair.client.writeAll(Array("last words".utf8))
        pair.client.shutdown()
        pair.client.shutdown()
        try pair.server.receive(pair.client.takeAllOutput())
        let (bytes, closed) = try pair.server.readAll()
        #expect(String(decoding: bytes, as: UTF8.self) == "last words")
        #expect(closed)
        #expect(pair.server.state == .peerClosed)
        try pair.server.receiveEnd()
        // The other direction is still open.
        try pair.server.writeAll([1, 2, 3])
        try pair.client.receive(pair.server.takeAllOutput())
        #expect(try pair.client.readAll().bytes == [1, 2, 3])
        let error = #expect(throws: TLSError.self) { try pair.client.writeAll([4]) }
        #expect(error?.kind == .closed)
    }

    @Test
    func `an end without close_notify is a truncation`() throws {
        let pair = try established()
        try pair.client.writeAll(pattern(20_000))
        let bytes = pair.client.takeAllOutput()
        try pair.server.receive(Array(bytes.dropLast(100)))
        #expect(try pair.server.readAll().bytes == Array(pattern(20_000).prefix(16_384)))
        let error = #expect(throws: TLSError.self) { try pair.server.receiveEnd() }
        #expect(error?.kind == .truncated)
        #expect(throws: TLSError(.truncated)) { try pair.server.readAll() }
    }

    @Test
    func `a changed bit is found, and what came before it is given first`() throws {
        let pair = try established()
        try pair.client.writeAll(Array("good".utf8))
        let good = pair.client.takeAllOutput()
        try pair.client.writeAll(Array("bad".utf8))
        var bad = pair.client.takeAllOutput()
        bad[bad.count - 1] ^= 1
        try pair.server.receive(good + bad)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 100, alignment: 1)
        defer { buffer.deallocate() }
        #expect(try pair.server.read(into: buffer) == .bytes(4))
        let error = #expect(throws: TLSError.self) { try pair.server.read(into: buffer) }
        #expect(error?.kind == .protocolViolation)
        try pair.client.receive(pair.server.takeAllOutput())
        let told = #expect(throws: TLSError.self) { try pair.client.readAll() }
        #expect(told?.kind == .alertFromPeer(.badRecordMAC))
    }

    private func sealInto(
        _ buffer: inout [UInt8],
        _ plaintext: [UInt8],
        _ engine: TLSEngine
    ) throws -> (taken: Int, put: Int) {
        let source = UnsafeMutableRawBufferPointer.allocate(byteCount: plaintext.count, alignment: 1)
        defer { source.deallocate() }
        source.copyBytes(from: plaintext)
        return try buffer.withUnsafeMutableBytes { try engine.write(UnsafeRawBufferPointer(source), into: $0) }
    }
}
