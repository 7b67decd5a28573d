import Coordinator
import Feed
import LTTngLive
import Testing

/// LTTng's indexes of stored streams: they say how much to read and where to begin, and are never believed.
@Suite struct StoredIndexTests {
    private static let packets = StoredPacket.run(0..<40)
    private static let index = StoredPacket.index(packets)

    private func run(
        _ packets: [StoredPacket] = packets,
        index: [UInt8]?,
        start: RelaySource.Start = .beginning
    ) -> CoordinatorTrial {
        let trial = CoordinatorTrial(
            stored: [StoredTrial([StoredFileTrial("main_0", packets, index: index)])],
            storedStart: start
        )
        trial.run(untilNs: 0)
        return trial
    }

    private func isRefused(_ trial: CoordinatorTrial) -> Bool {
        trial.notes.contains { $0.level == .debug && $0.text.contains("the index is not used") }
    }

    private func packetReads(_ trial: CoordinatorTrial) -> [StoredRange] {
        trial.reads.filter { $0.part == .packets }
    }

    @Test(arguments: [true, false])
    func `with an index each packet is read once, whatever its size`(isOld: Bool) {
        let trial = run(index: StoredPacket.index(Self.packets, isOld: isOld))
        #expect(packetReads(trial).map(\.count) == Self.packets.map(\.byteCount))
        #expect(trial.readCount == Self.packets.count + 1)
        #expect(trial.storedEvents == run(index: nil).storedEvents)
        #expect(!isRefused(trial))
        #expect(packetReads(run(index: nil)).count > Self.packets.count)
    }

    @Test func `an index longer than a piece is read piece by piece`() {
        let packets = (0..<2_000).map { number in
            StoredPacket(
                number: number,
                begin: .ms(number),
                end: .ms(number + 1),
                events: number % 2 == 0 ? [] : [.ms(number)]
            )
        }
        let trial = run(packets, index: StoredPacket.index(packets))
        #expect(packetReads(trial).count == 2_000)
        #expect(trial.readCount == 2_003)
        #expect(trial.events.count == 1_000)
        #expect(!isRefused(trial))
    }

    @Test func `from a time on, events at or after it are shown, and packets before it are not read`() {
        let all = run(index: nil).storedEvents
        for startMs in stride(from: Int64(0), through: 412, by: 3) {
            let start = RelaySource.Start.at(ns: startMs * 1_000_000)
            let plain = run(index: nil, start: start)
            let sought = run(index: Self.index, start: start)
            #expect(plain.storedEvents == all.filter { $0.timestampMs >= startMs }, "from \(startMs) ms")
            #expect(sought.storedEvents == plain.storedEvents, "from \(startMs) ms")
            #expect(sought.losses.isEmpty && plain.losses.isEmpty)
            #expect(!isRefused(sought))
            // A packet before the start shows that the index is right; those from the start on are read.
            let first = max(0, min(39, startMs / 10 - 1))
            #expect(packetReads(sought).count <= 40 - Int(first) + 1, "from \(startMs) ms")
        }
    }

    @Test func `what was discarded before the start is not counted, and later is`() {
        var packets = Self.packets
        for index in packets.indices { packets[index].discarded = UInt64(index / 10) }
        for index in [nil, StoredPacket.index(packets)] {
            let trial = run(packets, index: index, start: .at(ns: Int64(UInt64.ms(155))))
            #expect(trial.losses.map(\.count) == [1, 1], "with an index: \(index != nil)")
        }
    }

    @Test func `files of one stream are sought one by one`() {
        for startMs in stride(from: Int64(5), to: 400, by: 35) {
            let files = [(20..<30), (30..<40), (0..<20)].map { range in
                let packets = Array(Self.packets[range])
                return StoredFileTrial("main_\(range)", packets, index: StoredPacket.index(packets))
            }
            let start = RelaySource.Start.at(ns: startMs * 1_000_000)
            let trial = CoordinatorTrial(stored: [StoredTrial(files)], storedStart: start)
            trial.run(untilNs: 0)
            #expect(trial.storedEvents == run(index: nil, start: start).storedEvents, "from \(startMs) ms")
            #expect(trial.losses.isEmpty)
        }
    }

    // MARK: - Indexes that are wrong

    /// An index with one field of one entry changed; entries and fields are counted from 0.
    private static func changed(entry: Int, field: Int, to value: UInt64) -> [UInt8] {
        var bytes = index
        let offset = 16 + entry * 72 + field * 8
        bytes.replaceSubrange(offset..<offset + 8, with: StoredPacket.number(value, 8).reversed())
        return bytes
    }

    private static let wrong: [(name: String, bytes: [UInt8])] = {
        /// An index with these bytes at an offset.
        func put(_ new: [UInt8], at offset: Int) -> [UInt8] {
            var bytes = index
            bytes.replaceSubrange(offset..<offset + new.count, with: new)
            return bytes
        }
        func without(_ entries: Range<Int>) -> [UInt8] {
            var bytes = index
            bytes.removeSubrange(16 + entries.lowerBound * 72..<16 + entries.upperBound * 72)
            return bytes
        }
        var wrong: [(name: String, bytes: [UInt8])] = [
            ("magic", put([0], at: 0)), ("major", put([0, 0, 0, 2], at: 4)),
            ("length too short", put([0, 0, 0, 48], at: 12)), ("length too long", put([0xFF], at: 12)),
            ("odd length", put([0, 0, 0, 73], at: 12)), ("another length", put([0, 0, 0, 80], at: 12)),
            ("of another stream", StoredPacket.index(StoredPacket.run(100..<140))),
            ("without its first entries", without(0..<3)), ("without entries in the middle", without(7..<9)),
            ("size 0", changed(entry: 5, field: 1, to: 0)), ("size not in bytes", changed(entry: 5, field: 1, to: 801)),
            ("a huge size", changed(entry: 5, field: 1, to: .max & ~7)),
            ("a huge offset", changed(entry: 5, field: 0, to: .max)),
        ]
        for field in 0..<9 { wrong.append(("field \(field)", changed(entry: 20, field: field, to: 1 << 40))) }
        return wrong
    }()

    @Test(arguments: wrong.indices)
    func `an index that is wrong changes nothing, and that is no error`(number: Int) {
        let (name, bytes) = Self.wrong[number]
        for start in [RelaySource.Start.beginning, .at(ns: Int64(UInt64.ms(205))), .at(ns: Int64(UInt64.ms(390)))] {
            let plain = run(index: nil, start: start)
            let trial = run(index: bytes, start: start)
            #expect(trial.storedEvents == plain.storedEvents, "\(name)")
            #expect(trial.losses == plain.losses)
            #expect(trial.report == FinishReport())
            #expect(trial.notes.allSatisfy { $0.level == .debug || $0.level == .info })
            if start == .beginning { #expect(isRefused(trial), "\(name)") }
        }
    }

    @Test func `an index that is cut is used as far as it goes`() {
        for length in [0, 1, 15, 16, 17, 70, 88, 89, 16 + 72 * 20, Self.index.count - 1] {
            for start in [RelaySource.Start.beginning, .at(ns: Int64(UInt64.ms(305)))] {
                let plain = run(index: nil, start: start)
                let trial = run(index: Array(Self.index[..<length]), start: start)
                #expect(trial.storedEvents == plain.storedEvents, "\(length) bytes")
                #expect(trial.losses.isEmpty && trial.report == FinishReport())
            }
        }
        let half = run(index: Array(Self.index[..<(16 + 72 * 20)]))
        #expect(packetReads(half).prefix(20).map(\.count) == Self.packets.prefix(20).map(\.byteCount))
        #expect(!isRefused(half))
    }

    @Test(arguments: 0..<60)
    func `an index with any byte changed changes nothing`(seed: Int) {
        var random = SplitMix(state: UInt64(seed))
        var bytes = Self.index
        for _ in 0...Int(random.next() % 3) {
            bytes[Int(random.next() % UInt64(bytes.count))] ^= UInt8(truncatingIfNeeded: random.next() | 1)
        }
        let startMs = Int64(random.next() % 400)
        let start = seed % 3 == 0 ? RelaySource.Start.beginning : .at(ns: startMs * 1_000_000)
        let trial = run(index: bytes, start: start)
        let plain = run(index: nil, start: start)
        #expect(trial.storedEvents == plain.storedEvents)
        #expect(trial.losses == plain.losses && trial.report == FinishReport())
    }
}

/// Numbers that look random and are the same in each run.
private struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15  // Wrapping is what the generator is made of.
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
