import CTF
import LTTngLive
import SimulatedRelay
import Testing

struct GeneratedHostTests {
    private let second: UInt64 = 1_000_000_000

    private func host(_ seed: UInt64 = 1) -> GeneratedHost {
        var host = GeneratedHost(hostname: "web-\(seed)", seed: seed)
        host.cpuCount = 2
        host.startsAtNs = 5_000_000_000
        return host
    }

    private func read(_ hosts: [GeneratedHost], untilNs: UInt64) -> RelayReader {
        let reader = RelayReader(SimulatedRelay(hosts: hosts), nowNs: 5_000_000_000)
        #expect(reader.connect())
        reader.run(untilNs: untilNs)
        #expect(reader.failure == nil)
        return reader
    }

    private func program(_ reader: RelayReader, trace: UInt64 = 1) throws -> TraceProgram {
        var metadata = MetadataReader()
        let text = try #require(reader.metadata[LiveTraceID(trace)])
        var failure: MetadataError?
        text.withUnsafeBytes { bytes in
            do throws(MetadataError) {
                try metadata.append(bytes)
                try metadata.finish()
            } catch {
                failure = error
            }
        }
        #expect(failure == nil)
        return try TraceProgram(#require(metadata.traceClass))
    }

    private func keys(
        _ packet: RelayReader.Packet,
        _ program: TraceProgram,
        sequenceNumbers: inout [UInt64]
    ) throws -> [EventKey] {
        var result: [EventKey] = []
        var failure: PacketError?
        packet.bytes.withUnsafeBytes { bytes in
            do throws(PacketError) {
                let packetBytes = PacketBytes(bytes)
                let preamble = try program.readPreamble(packetBytes)
                sequenceNumbers.append(preamble.sequenceNumber ?? .max)
                #expect(preamble.timestampBeginCycles == packet.index.timestampBegin)
                #expect(preamble.timestampEndCycles == packet.index.timestampEnd)
                #expect(preamble.contentBits == packet.index.contentBits)
                #expect(preamble.totalBits == packet.index.packetBits)
                var cursor = preamble.firstEvent
                var buffer = EventKeyBuffer(capacity: 5000)
                let end = try program.scan(
                    packetBytes,
                    preamble: preamble,
                    contentBits: packet.index.contentBits,
                    correctionNs: 0,
                    cursor: &cursor,
                    keys: &buffer
                )
                #expect(end == .complete)
                result = Array(buffer.keys)
            } catch {
                failure = error
            }
        }
        #expect(failure == nil)
        return result
    }

    private func keys(_ packet: RelayReader.Packet, _ program: TraceProgram) throws -> [EventKey] {
        var ignored: [UInt64] = []
        return try keys(packet, program, sequenceNumbers: &ignored)
    }

    @Test func `all events decode, in time and in number`() throws {
        let host = host()
        let reader = read([host], untilNs: 35 * second)
        let program = try program(reader)
        #expect(program.traceClass.uuid == host.traceUUID)
        for cpu in 0..<host.cpuCount {
            let packets = reader.packets[LiveStreamID(UInt64(cpu) + 1), default: []]
            var count = 0
            var sequenceNumbers: [UInt64] = []
            var last = Int64(host.epochOffsetNs)
            for packet in packets {
                let keys = try keys(packet, program, sequenceNumbers: &sequenceNumbers)
                let begin = Int64(host.epochOffsetNs + packet.index.timestampBegin)
                let end = Int64(host.epochOffsetNs + packet.index.timestampEnd)
                #expect(last <= begin)
                #expect(keys.allSatisfy { begin <= $0.timestampNs && $0.timestampNs < end })
                #expect(zip(keys, keys.dropFirst()).allSatisfy { $0.timestampNs <= $1.timestampNs })
                last = end
                count += keys.count
            }
            #expect(sequenceNumbers == Array(0..<UInt64(packets.count)))
            let settled = host.eventCount(cpu: cpu, nowNs: 34 * second)
            #expect(count >= settled)
            #expect(count <= host.eventCount(cpu: cpu, nowNs: 35 * second))
            #expect(settled > 1000)
        }
    }

    @Test func `idle CPUs give beacons that no later event contradicts`() throws {
        let host = host()
        let reader = read([host], untilNs: 35 * second)
        let silent = LiveStreamID(2)
        let beacons = reader.beacons[silent, default: []]
        #expect(beacons.count > 10)
        #expect(zip(beacons, beacons.dropFirst()).allSatisfy { $0 < $1 })
        var bound: UInt64 = 0
        for action in reader.actions {
            switch action {
            case .beacon(silent, let cycles, _): bound = max(bound, cycles)
            case .index(silent, let index, _):
                #expect(index.timestampBegin >= bound)
                bound = max(bound, index.timestampEnd)
            default: break
            }
        }
    }

    @Test func `every event class occurs and every value can be visited`() throws {
        let reader = read([host(9)], untilNs: 25 * second)
        let program = try program(reader)
        #expect(program.events.count == 6)
        var visitor = CountingVisitor(events: Array(repeating: 0, count: program.events.count))
        for packet in reader.packets[LiveStreamID(1), default: []] {
            let count = try keys(packet, program).count
            packet.bytes.withUnsafeBytes { bytes in
                do throws(PacketError) {
                    let packetBytes = PacketBytes(bytes)
                    let preamble = try program.readPreamble(packetBytes)
                    var cursor = preamble.firstEvent
                    for _ in 0..<count {
                        try program.visitEvent(packetBytes, preamble: preamble, cursor: &cursor, visitor: &visitor)
                    }
                    #expect(cursor.positionBits == packet.index.contentBits)
                } catch {
                    Issue.record("\(error)")
                }
            }
        }
        #expect(visitor.events.allSatisfy { $0 > 50 })
        #expect(visitor.values > 10_000)
    }

    @Test func `the same seed gives the same bytes, another seed others`() {
        let first = read([host()], untilNs: 10 * second)
        let again = read([host()], untilNs: 10 * second)
        let other = read([host(2)], untilNs: 10 * second)
        let stream = LiveStreamID(1)
        #expect(first.packets[stream] == again.packets[stream])
        #expect(first.metadata == again.metadata)
        #expect(first.packets[stream] != other.packets[stream])
        #expect(first.metadata != other.metadata)
    }

    @Test func `a viewer that comes back reads the same packets again`() throws {
        let reader = RelayReader(SimulatedRelay(hosts: [host()]), nowNs: 5 * second)
        #expect(reader.connect())
        reader.run(untilNs: 10 * second)
        let before = try #require(reader.packets[LiveStreamID(1)])
        #expect(reader.connect())
        reader.run(untilNs: 11 * second)
        let all = try #require(reader.packets[LiveStreamID(1)])
        #expect(all[before.count...].prefix(before.count).elementsEqual(before))
    }

    @Test func `attaching at the end leaves out what was`() throws {
        let reader = RelayReader(SimulatedRelay(hosts: [host()]), nowNs: 5 * second)
        reader.position = .last
        reader.nowNs = 60 * second
        #expect(reader.connect())
        reader.run(untilNs: 62 * second)
        let packets = try #require(reader.packets[LiveStreamID(1)])
        #expect(packets.count >= 5)
        #expect(packets.allSatisfy { $0.index.timestampEnd > 60 * second })
    }

    @Test func `a destroyed session is read to its end and leaves the list`() {
        var host = host()
        host.endsAtNs = 15 * second
        let reader = read([host], untilNs: 20 * second)
        #expect(reader.contains(.sessionEnded(LiveSessionID(1), .hungUp)))
        #expect(reader.viewer.sessions.isEmpty)
        let index = reader.packets[LiveStreamID(1)]?.last?.index
        #expect(index?.timestampEnd ?? 0 > 14_700_000_000)
    }

    @Test func `high rates fill more packets, not larger ones`() throws {
        var host = host()
        host.cpuCount = 1
        host.eventsPerSecond = 50_000
        let reader = read([host], untilNs: 7 * second)
        let packets = try #require(reader.packets[LiveStreamID(1)])
        let program = try program(reader)
        let count = try packets.reduce(0) { try $0 + keys($1, program).count }
        #expect(count > 25_000)
        #expect(packets.allSatisfy { $0.index.packetBits / 8 < 1 << 20 })
        #expect(count >= host.eventCount(cpu: 0, nowNs: 6_900_000_000))
    }

    @Test func `several hosts on one relay are several sessions`() throws {
        let first = RelayReader(SimulatedRelay(hosts: [host(1), host(2), host(3)]), nowNs: 5 * second)
        first.attaches = { $0.hostname == "web-1" }
        let others = ["web-2", "web-3"].map { name in RelayReader(beside: first) { $0.hostname == name } }
        let readers = [first] + others
        for reader in readers { #expect(reader.connect()) }
        RelayReader.run(readers, untilNs: 10 * second)
        #expect(first.viewer.sessions.map(\.hostname) == ["web-1", "web-2", "web-3"])
        #expect(first.viewer.sessions.allSatisfy { $0.clientCount == 1 })
        #expect(Set(readers.flatMap { $0.streams.values.map(\.trace) }).count == 3)
        #expect(readers.allSatisfy { $0.failure == nil && $0.metadata.count == 1 })
        let uuids = try readers.enumerated().map { number, reader in
            try program(reader, trace: UInt64(number) + 1).traceClass.uuid
        }
        #expect(Set(uuids).count == 3)
    }

    @Test func `the hosts of a cluster differ in all that names them`() {
        let hosts = GeneratedHost.cluster(hostCount: 40)
        #expect(Set(hosts.map(\.hostname)).count == 40)
        #expect(Set(hosts.map(\.traceUUID)).count == 40)
    }

    @Test func `hundreds of relays are read side by side`() {
        var relays: [RelayReader] = []
        for seed in UInt64(0)..<200 {
            var host = host(seed)
            host.cpuCount = 1
            host.liveTimerUs = 1_000_000
            host.eventsPerSecond = 10
            let reader = RelayReader(SimulatedRelay(hosts: [host]), nowNs: 5 * second)
            #expect(reader.connect())
            relays.append(reader)
        }
        for reader in relays { reader.run(untilNs: 7 * second + second / 2) }
        #expect(relays.allSatisfy { $0.failure == nil })
        #expect(relays.count { !$0.packets.isEmpty } > 180)
    }

    @Test func `the trace's creation time is written as LTTng writes it`() {
        var host = host()
        host.startsAtNs = 0
        for (seconds, text) in [
            (0, "19700101T000000+0000"), (951_782_399, "20000228T235959+0000"), (951_868_799, "20000229T235959+0000"),
            (951_868_800, "20000301T000000+0000"), (1_767_225_599, "20251231T235959+0000"),
            (4_107_542_400, "21000301T000000+0000"),
        ] as [(UInt64, String)] {
            host.epochOffsetNs = seconds * second
            #expect(host.metadataText.contains("trace_creation_datetime = \"\(text)\""))
        }
    }
}

/// Counts what it is shown.
private struct CountingVisitor: FieldVisitor {
    var events: [Int]
    var values = 0

    mutating func beginEvent(_ event: Int, clockCycles: UInt64) { events[event] += 1 }
    mutating func endEvent() {}
    mutating func beginScope(_ scope: FieldScope) {}
    mutating func endScope(_ scope: FieldScope) {}
    mutating func beginStructure(_ field: FieldID) {}
    mutating func endStructure(_ field: FieldID) {}
    mutating func beginArray(_ field: FieldID, count: Int) {}
    mutating func endArray(_ field: FieldID) {}
    mutating func beginVariant(_ field: FieldID, option: Int) {}
    mutating func endVariant(_ field: FieldID) {}
    mutating func beginOptional(_ field: FieldID, isPresent: Bool) {}
    mutating func endOptional(_ field: FieldID) {}
    mutating func unsigned(_ value: UInt64, _ field: FieldID) { values += 1 }
    mutating func signed(_ value: Int64, _ field: FieldID) { values += 1 }
    mutating func float(_ value: Float, _ field: FieldID) { values += 1 }
    mutating func double(_ value: Double, _ field: FieldID) { values += 1 }
    mutating func text(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) { values += 1 }
    mutating func blob(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) { values += 1 }
}
