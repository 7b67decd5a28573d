import Coordinator
import Glibc
import LTTngLive
import SimulatedRelay
import Testing

/// Stored traces, served by a simulated relay and read through the coordinator.
@Suite struct RecordedTraceTests {
    /// The traces beside the repository; nil where they are not.
    private static let folder: String? = {
        guard let resolved = realpath(#filePath, nil) else { return nil }
        defer { free(resolved) }
        var path = Substring(String(cString: resolved))
        while let slash = path.lastIndex(of: "/") {
            path = path[..<slash]
            guard access(path + "/Package.swift", R_OK) == 0 else { continue }
            let folder = path + "/../shared/data/ctf"
            return access(folder + "/INDEX.tsv", R_OK) == 0 ? String(folder) : nil
        }
        return nil
    }()

    private static func read(_ path: String) -> [UInt8]? {
        guard let file = fopen(path, "rb") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
    }

    private func trace(_ name: String, files: [String], usesIndex: Bool) throws -> RecordedTrace {
        let folder = try #require(Self.folder, "no stored traces beside the repository: nothing is compared")
        let path = "\(folder)/traces/\(name)"
        let metadata = try #require(Self.read("\(path)/metadata"))
        var found: [RecordedTrace.File] = []
        for file in files {
            let bytes = try #require(Self.read("\(path)/\(file)"))
            let index = Self.read("\(path)/index/\(file).idx")
            if usesIndex { #expect(index != nil) }
            found.append(RecordedTrace.File(name: file, bytes: bytes, index: usesIndex ? index : nil))
        }
        return try RecordedTrace(metadata: metadata, files: found)
    }

    /// The events' times that the oracle shows, nanoseconds since the epoch.
    private func expectedTimes(_ name: String) throws -> [Int64] {
        let folder = try #require(Self.folder)
        let lines = try #require(Self.read("\(folder)/expected/\(name).jsonl"))
        return lines.split(separator: UInt8(ascii: "\n")).compactMap { line in
            Int64(
                String(
                    decoding: line.dropFirst("{\"ns\":".utf8.count).prefix { $0 != UInt8(ascii: ",") },
                    as: UTF8.self
                )
            )
        }
    }

    @Test(arguments: [
        ("bt-succeed/trace-with-index", (0..<4).map { "ust_channel_\($0)" }, true),
        ("bt-succeed/trace-with-index", (0..<4).map { "ust_channel_\($0)" }, false),
        ("bt-succeed/wk-heartbeat-u", (0..<8).map { "u_\($0)" }, false),
    ])
    func `a stored trace is served as it was`(name: String, files: [String], usesIndex: Bool) throws {
        let trace = try trace(name, files: files, usesIndex: usesIndex)
        let expected = try expectedTimes(name)
        #expect(trace.packetCount > 0)
        for version in [RelayVersion(minor: 13, patch: 9), .newest] {
            let listed = ListedSession(id: LiveSessionID(1), liveTimerUs: 200_000, hostname: "stored", name: "s")
            let trial = CoordinatorTrial([
                RelayScript(sessions: [trace.session(listed, version: version)], version: version)
            ])
            trial.run(untilNs: .ms(600_000))
            #expect(trial.events.map(\.timestampNs) == expected)
            #expect(trial.events.allSatisfy { $0.lateNs == 0 })
            #expect(trial.report == FinishReport())
        }
    }

    @Test func `a trace that was made is found again, by its headers and by an index`() throws {
        let packets = (0..<5).map { number in
            TinyTrace.packet(
                from: .ms(number * 100),
                to: .ms(number * 100 + 100),
                events: [.ms(number * 100 + 10)],
                number: number,
                offset: number * 72
            )
        }
        let bytes = packets.flatMap(\.bytes)
        func numbers<Integer: FixedWidthInteger>(_ values: Integer...) -> [UInt8] {
            values.flatMap { value in withUnsafeBytes(of: value.bigEndian) { Array($0) } }
        }
        let head = numbers(0xC1F1_DCC1 as UInt32, 1, 1, 72)
        let index =
            head
            + packets.flatMap { packet in
                numbers(
                    packet.index.offset,
                    packet.index.packetBits,
                    packet.index.contentBits,
                    packet.index.timestampBegin,
                    packet.index.timestampEnd,
                    0,
                    0,
                    0,
                    0
                )
            }
        for (index, version) in [(nil, RelayVersion.newest), (index, RelayVersion(minor: 9))] {
            let trace = try RecordedTrace(
                metadata: TinyTrace.metadata(),
                files: [RecordedTrace.File(name: "channel0_0", bytes: bytes, index: index)]
            )
            #expect(trace.packetCount == 5)
            let listed = ListedSession(id: LiveSessionID(1), liveTimerUs: 10_000, hostname: "stored", name: "s")
            let trial = CoordinatorTrial([
                RelayScript(sessions: [trace.session(listed, version: version)], version: version)
            ])
            trial.run(untilNs: .ms(10_000))
            #expect(trial.events.map(\.timestampNs) == (0..<5).map { Int64(UInt64.ms($0 * 100 + 10)) })
        }
    }

    @Test func `what cannot be served is refused`() {
        let packet = TinyTrace.packet(from: 0, to: 10, events: [5], offset: 0)
        func failure(metadata: [UInt8] = TinyTrace.metadata(), bytes: [UInt8], index: [UInt8]? = nil)
            -> RecordedTraceError?
        {
            do throws(RecordedTraceError) {
                _ = try RecordedTrace(
                    metadata: metadata,
                    files: [RecordedTrace.File(name: "f", bytes: bytes, index: index)]
                )
                return nil
            } catch {
                return error
            }
        }
        #expect(failure(bytes: packet.bytes) == nil)
        #expect(failure(metadata: [1, 2, 3], bytes: packet.bytes) == .unusableMetadata)
        #expect(failure(bytes: Array(packet.bytes.dropLast())) == .unusablePacket(file: "f", offset: 0))
        #expect(failure(bytes: packet.bytes + [1]) == .unusablePacket(file: "f", offset: 72))
        #expect(failure(bytes: packet.bytes, index: []) == .unusableIndex(file: "f"))
        let beyond: [UInt8] =
            [0xC1, 0xF1, 0xDC, 0xC1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 56]
            + [0, 0, 0, 0, 0, 0, 0, 1] + [0, 0, 0, 0, 0, 0, 2, 64] + [UInt8](repeating: 0, count: 40)
        #expect(failure(bytes: packet.bytes, index: beyond) == .unusableIndex(file: "f"))
    }
}
