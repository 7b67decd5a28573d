import CFeedSchema
import CTF
import PacketWriter
import Testing

@testable import Feed

/// Frames that no coordinator sends. None may trap, read outside of its bytes, or take more memory than its limit.
@Suite struct HostileFrameTests {
    /// A storage with a length before `body`.
    static func frame(_ body: [UInt8]) -> ByteStorage {
        let storage = ByteStorage(capacity: 4 + body.count)
        let length = (0..<4).map { UInt8(truncatingIfNeeded: body.count >> (24 - 8 * $0)) }
        (length + body).withUnsafeBytes { storage.write($0, at: 0) }
        return storage
    }

    static func varint(_ value: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = value
        repeat {
            bytes.append(UInt8(rest & 0x7F) | (rest > 0x7F ? 0x80 : 0))
            rest >>= 7
        } while rest > 0
        return bytes
    }

    /// A field that holds bytes.
    static func field(_ number: UInt64, _ content: [UInt8]) -> [UInt8] {
        varint(number << 3 | 2) + varint(UInt64(content.count)) + content
    }

    /// Decodes frames in turn, and looks at all that comes out; stops at the first error.
    @discardableResult
    private func decode(_ frames: [ByteStorage], limits: FeedLimits = FeedLimits()) -> FeedError? {
        var decoder = FrameDecoder(limits: limits)
        do {
            for frame in frames {
                let received = try decoder.decode(frame)
                _ = received.batch.transcript()
            }
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: 1...8)
    func `mutated frames end in an error or in records, never in a trap`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let shape = SampleFeed.Shape(
            traces: 1,
            streamsPerTrace: 2,
            packetsPerStream: 2,
            eventsPerPacket: 4,
            eventsPerBatch: 6
        )
        let sample = try SampleFeed(seed: seed, shape: shape)
        var encoder = FrameEncoder(feed: RoundTripTests.feed)
        let checkpoint = try encoder.checkpoint(SubscriptionOpening(state: FeedState())).map(\.storage)
        let frames = checkpoint + (try sample.batches.flatMap { try encoder.encode($0) }.map(\.frame.storage))
        var errors = 0
        for _ in 0..<60 {
            let victim = Int.random(in: 0..<frames.count, using: &random)
            var bytes = Array(frames[victim].array[4...])
            for _ in 0..<Int.random(in: 1...4, using: &random) { mutate(&bytes, &random) }
            var damaged = frames
            damaged[victim] = Self.frame(bytes)
            if decode(damaged) != nil { errors += 1 }
        }
        #expect(errors > 10)
    }

    private func mutate(_ bytes: inout [UInt8], _ random: inout SeededRandom) {
        guard !bytes.isEmpty else { return }
        // The front holds the structure; the rest is mostly text and events.
        let index = Int.random(in: 0..<(random.once(in: 2) ? min(bytes.count, 200) : bytes.count), using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: bytes[index] ^= 1 << UInt8.random(in: 0...7, using: &random)
        case 1: bytes[index] = random.pick([0, 1, 0x7F, 0x80, 0xFF])
        case 2: bytes.remove(at: index)
        case 3: bytes.insert(UInt8.random(in: 0...255, using: &random), at: index)
        case 4: bytes.removeSubrange(index..<min(bytes.count, index + Int.random(in: 1...9, using: &random)))
        default: bytes.replaceSubrange(index..<min(bytes.count, index + 8), with: [UInt8](repeating: 0xFF, count: 8))
        }
    }

    @Test func `every frame cut short is an error`() throws {
        let sample = try SampleFeed(seed: 3, shape: SampleFeed.Shape(traces: 1, streamsPerTrace: 1, eventsPerPacket: 3))
        var encoder = FrameEncoder(feed: RoundTripTests.feed)
        let checkpoint = try encoder.checkpoint(SubscriptionOpening(state: FeedState()))[0].storage
        let whole = try encoder.encode(sample.batches[0])[0].frame.storage.array
        #expect(decode([checkpoint, Self.frame(Array(whole[4...]))]) == nil)
        for count in 0..<whole.count {
            // Cut behind its length, which then says too much.
            let cut = ByteStorage(capacity: count)
            whole[..<count].withUnsafeBytes { cut.write($0, at: 0) }
            #expect(decode([checkpoint, cut]) != nil)
        }
    }

    @Test func `deep nesting is refused before anything recurses`() {
        // Structures in fields in structures, half a megabyte of them, in an event of a frame.
        let body = nesting(levels: 130_000)
        #expect(body.count > 500_000)
        let frame = Self.frame(Self.field(5, Self.field(6, Self.field(2, Self.field(7, body)))))
        #expect(decode([frame]) == .nestedTooDeep(limit: 32))
        // As many levels as are allowed are no fault: only the checkpoint is missing.
        let shallow = Self.frame(Self.field(5, Self.field(6, Self.field(2, Self.field(7, nesting(levels: 26))))))
        #expect(decode([shallow]) == .checkpointMissing)
    }

    /// The content of a structure that holds a field that holds a structure, and so on; built in O(bytes).
    private func nesting(levels: Int) -> [UInt8] {
        var headers: [[UInt8]] = []
        var count = 0
        for level in 0..<levels {
            let header = Self.varint(UInt64(level % 2 == 0 ? 7 : 1) << 3 | 2) + Self.varint(UInt64(count))
            headers.append(header)
            count += header.count
        }
        return headers.reversed().flatMap { $0 }
    }

    @Test func `a small message cannot take much memory`() {
        var limits = FeedLimits()
        limits.unpackBytes = 1 << 20
        // 100,000 empty records: two bytes each on the wire, many more as structs.
        let records = [[UInt8]](repeating: [5 << 3 | 2, 0], count: 100_000).flatMap { $0 }
        #expect(decode([Self.frame(records)], limits: limits) == .memoryExceeded(limit: 1 << 20))
        // Packed numbers: one byte each on the wire, eight in memory.
        let late = Self.field(4, [UInt8](repeating: 1, count: 400_000))
        let numbers = Self.field(5, Self.field(5, late))
        #expect(decode([Self.frame(numbers)], limits: limits) == .memoryExceeded(limit: 1 << 20))
        // Fields that nobody knows.
        limits.fieldCount = 1000
        let unknown = [[UInt8]](repeating: [0xF8, 1, 0], count: 2000).flatMap { $0 }
        #expect(decode([Self.frame(unknown)], limits: limits) == .tooManyElements(limit: 1000))
    }

    @Test func `whatever the limit of memory, it holds`() throws {
        let sample = try SampleFeed(seed: 2)
        var encoder = FrameEncoder(feed: RoundTripTests.feed)
        let frame = try encoder.encode(sample.batches[0])[0].frame.storage
        for limit in stride(from: 0, to: 24_000, by: 97) {
            var limits = FeedLimits()
            limits.unpackBytes = limit
            var reader = MessageReader(limits: limits)
            let body = UnsafeRawBufferPointer(rebasing: frame.bytes[4...])
            let message: UnsafeMutablePointer<Tidemark__Feed__Frame>? = try? reader.unpack(
                body,
                tidemark__feed__frame__init,
                tailField: FrameDecoder.sliceBytesField
            )
            if message == nil { #expect(reader.arena.isExhausted) }
            #expect(reader.arena.takenBytes <= limit + 512)
        }
        withExtendedLifetime(frame) {}
    }

    @Test func `a field that may stand once must not stand twice`() {
        let trace = Self.field(5, Self.field(1, [8, 1]) + Self.field(1, [8, 2]))
        guard case .malformed? = decode([Self.frame(trace)]) else {
            Issue.record("two traces in a record were taken")
            return
        }
    }

    @Test func `lives that never end are bounded`() throws {
        var limits = FeedLimits()
        limits.liveTraces = 5
        limits.traceMetadataBytes = 100
        var encoder = FrameEncoder(feed: RoundTripTests.feed)
        let checkpoint = try encoder.checkpoint(SubscriptionOpening(state: FeedState()))[0].storage
        let traces = (1...6).map {
            FeedRecord.trace(FeedTrace(id: $0, relay: "r", host: "h", session: "s", sessionID: 1, path: ""))
        }
        let many = try encoder.encode(FeedBatch(records: traces))[0].frame.storage
        #expect(decode([checkpoint, many], limits: limits) == .tooMuchState(.trace))
        var second = FrameEncoder(feed: RoundTripTests.feed)
        let text = [UInt8](repeating: 32, count: 60)
        let long = try second.encode(
            FeedBatch(records: [traces[0], .metadata(traceID: 1, bytes: text), .metadata(traceID: 1, bytes: text)])
        )
        #expect(decode([checkpoint, long[0].frame.storage], limits: limits) == .tooMuchState(.metadata))
    }

    @Test func `a message longer than its limit takes no memory`() {
        var assembler = MessageAssembler(limitBytes: 1000)
        let header: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF]
        #expect(throws: FeedError.messageTooLong(0xFFFF_FFFF, limit: 1000)) {
            try header.withUnsafeBytes {
                var bytes = $0
                _ = try assembler.next(from: &bytes)
            }
        }
    }
}
