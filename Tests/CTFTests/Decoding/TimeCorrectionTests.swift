import CTF
import Testing

struct TimeCorrectionTests {
    @Test
    func `an amount that does not change is added to all times`() {
        let correction = TimeCorrection(offsetNs: -5)
        #expect(correction.isConstant && !correction.isNone && TimeCorrection.none.isNone)
        #expect(correction.corrected(7) == 2 && correction.corrected(.min) == .min)
        #expect(TimeCorrection(offsetNs: 1).corrected(.max) == .max)
    }

    @Test
    func `an amount that changes goes evenly from one to the other, rounded down`() throws {
        let correction = try #require(TimeCorrection(offsetNs: 10, beginNs: 100, endNs: 200, endOffsetNs: -23))
        #expect([0, 100, 101, 150, 199, 200, 1_000].map(correction.amountNs) == [10, 10, 9, -7, -23, -23, -23])
        #expect(correction.adding(3).amountNs(at: 150) == -4)
        #expect(!correction.isConstant && !correction.isNone)
    }

    @Test
    func `amounts that change by more than the time in which they do are refused`() {
        #expect(TimeCorrection(offsetNs: 0, beginNs: 0, endNs: 10, endOffsetNs: 10) == nil)
        #expect(TimeCorrection(offsetNs: 0, beginNs: 0, endNs: 10, endOffsetNs: -10) == nil)
        #expect(TimeCorrection(offsetNs: 0, beginNs: 0, endNs: 10, endOffsetNs: -9) != nil)
        #expect(TimeCorrection(offsetNs: 0, beginNs: 10, endNs: 10, endOffsetNs: 0) == nil)
        #expect(TimeCorrection(offsetNs: 0, beginNs: 10, endNs: 9, endOffsetNs: 0) == nil)
        #expect(TimeCorrection(offsetNs: .min, beginNs: .min, endNs: .max, endOffsetNs: .max) == nil)
        #expect(TimeCorrection(offsetNs: 0, beginNs: 0, endNs: .max, endOffsetNs: 0) == nil)
    }

    @Test
    func `later times never become earlier`() throws {
        for (begin, span, from, to) in [
            (0, 7, 0, 6), (0, 7, 0, -6), (-50, 100, -30, 69), (-50, 100, 69, -30), (3, 1, 9, 9), (0, 2, 4, 3),
        ] as [(Int64, Int64, Int64, Int64)] {
            let correction = try #require(
                TimeCorrection(offsetNs: from, beginNs: begin, endNs: begin + span, endOffsetNs: to)
            )
            let times = (begin - 5...begin + span + 5).map(correction.corrected)
            #expect(zip(times, times.dropFirst()).allSatisfy { $0 <= $1 })
        }
    }

    @Test
    func `keys are corrected, and cursors stay`() throws {
        let text = """
            /* CTF 1.8 */
            typealias integer { size = 64; align = 8; signed = false; } := u64;
            trace { major = 1; minor = 8; byte_order = le; };
            clock { name = "c"; freq = 1000000000; offset = 50; };
            typealias integer { size = 64; align = 8; map = clock.c.value; } := time;
            stream { event.header := struct { time timestamp; }; };
            event { name = "e"; fields := struct { u64 v; }; };

            """
        let program = try TraceProgram(MetadataReader.trace(text))
        let bytes = [0, 100, 250].flatMap { [UInt8($0), 0, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 1, count: 8) }
        let storage = ByteStorage(capacity: bytes.count)
        bytes.withUnsafeBytes { storage.write($0, at: 0) }
        let preamble = try program.readPreamble(PacketBytes(storage.bytes))
        var cursor = preamble.firstEvent
        var keys = EventKeyBuffer(capacity: 8)
        let result = try program.scan(
            PacketBytes(storage.bytes),
            preamble: preamble,
            contentBits: UInt64(bytes.count) * 8,
            correctionNs: 10,
            cursor: &cursor,
            keys: &keys
        )
        #expect(result == .complete)
        #expect(keys.keys.map(\.timestampNs) == [60, 160, 310])
        let changing = try #require(TimeCorrection(offsetNs: 10, beginNs: 100, endNs: 200, endOffsetNs: -10))
        keys.correct(by: changing, insteadOf: 10)
        #expect(keys.keys.map(\.timestampNs) == [60, 150, 290])
        #expect((0...3).map(keys.cyclesBefore) == [0, 0, 100, 250])
    }
}
