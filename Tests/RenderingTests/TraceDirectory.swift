import CTF
import Feed
import Foundation
import HandmadeTraces
import Rendering

/// A trace directory read whole, and put in order as the feed would: material for comparisons with babeltrace2.
struct TraceDirectory {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    private struct Key {
        var timestampNs: Int64
        var stream: Int
        var slice: Int
        var sequence: Int
    }

    let program: TraceProgram
    private var slices: [EventSlice] = []
    private var keys: [Key] = []

    init(_ url: URL, relay: String = "", correctionNs: Int64 = 0) throws {
        let metadata = try Data(contentsOf: url.appendingPathComponent("metadata"))
        let textBytes: UInt64
        (program, textBytes) = try Self.program(of: metadata)
        let names = try FileManager.default.contentsOfDirectory(atPath: url.path).sorted()
        for (number, name) in names.enumerated() where name != "metadata" && !name.hasPrefix(".") && name != "index" {
            let stream = FeedStream(id: UInt64(number), traceID: 1, liveStreamID: UInt64(number), channel: name)
            let trace = FeedTrace(
                id: 1,
                relay: relay,
                host: relay.isEmpty ? "" : "host",
                session: relay.isEmpty ? "" : "session",
                sessionID: 7,
                path: "path"
            )
            try read(
                Data(contentsOf: url.appendingPathComponent(name)),
                trace: trace,
                stream: stream,
                textBytes: textBytes,
                correctionNs: correctionNs
            )
        }
        keys.sort { ($0.timestampNs, $0.stream, $0.sequence) < ($1.timestampNs, $1.stream, $1.sequence) }
    }

    private static func program(of metadata: Data) throws -> (TraceProgram, UInt64) {
        var reader = MetadataReader()
        try metadata.withUnsafeBytes { bytes throws in
            try reader.append(bytes)
            try reader.finish()
        }
        guard let traceClass = reader.traceClass else { throw Failure(description: "no trace block") }
        return (try TraceProgram(traceClass), reader.textBytes)
    }

    private mutating func read(
        _ data: Data,
        trace: FeedTrace,
        stream: FeedStream,
        textBytes: UInt64,
        correctionNs: Int64
    ) throws {
        let storage = ByteStorage(capacity: data.count)
        data.withUnsafeBytes { storage.write($0, at: 0) }
        var offset = 0
        var latestNs = Int64.min
        while offset < storage.capacity {
            let rest = UnsafeRawBufferPointer(rebasing: storage.bytes[offset...])
            let preamble = try program.readPreamble(PacketBytes(rest))
            let totalBytes = preamble.totalBits.map { Int($0 / 8) } ?? rest.count
            let packetBytes = UnsafeRawBufferPointer(rebasing: rest[0..<min(totalBytes, rest.count)])
            let contentBits = preamble.contentBits ?? UInt64(packetBytes.count) * 8
            var packetKeys = EventKeyBuffer(capacity: packetBytes.count + 1)
            var cursor = preamble.firstEvent
            let result = try program.scan(
                PacketBytes(packetBytes),
                preamble: preamble,
                contentBits: contentBits,
                correctionNs: correctionNs,
                cursor: &cursor,
                keys: &packetKeys
            )
            guard result == .complete else { throw Failure(description: "scan ended with \(result)") }
            let packetStorage = ByteStorage(capacity: packetBytes.count)
            packetStorage.write(packetBytes, at: 0)
            let packet = FeedPacket(
                id: UInt64(slices.count),
                trace: trace,
                stream: stream,
                program: program,
                metadataBytes: textBytes,
                preamble: preamble,
                preambleStorage: packetStorage,
                correction: TimeCorrection(offsetNs: correctionNs)
            )
            for (sequence, key) in packetKeys.keys.enumerated() {
                // A stream that goes back in time keeps its order.
                latestNs = max(latestNs, key.timestampNs)
                keys.append(
                    Key(
                        timestampNs: latestNs,
                        stream: Int(stream.id),
                        slice: slices.count,
                        sequence: slices.count << 32 + sequence
                    )
                )
            }
            slices.append(
                EventSlice(
                    packet: packet,
                    storage: packetStorage,
                    storageOffset: Int(preamble.firstEventBits / 8),
                    firstBits: preamble.firstEventBits,
                    endBits: cursor.positionBits,
                    clockCycles: preamble.clockCycles,
                    eventCount: packetKeys.count,
                    opensPacket: true
                )
            )
            offset += max(packetBytes.count, 1)
        }
    }

    /// All events as one batch.
    var batch: FeedBatch {
        var group = EventGroup(slices: slices, eventCount: keys.count)
        for key in keys {
            if let last = group.order.last, last.slice == UInt32(key.slice) {
                group.order[group.order.count - 1].count += 1
            } else {
                group.order.append(EventGroup.Run(slice: UInt32(key.slice), count: 1))
            }
        }
        return FeedBatch(sequence: 1, records: [.events(group)], watermarkNs: keys.last?.timestampNs)
    }
}

/// The shared traces, or why there are none.
enum SharedTraces {
    /// Times in these go back, so that readers do not agree on their order.
    static let unordered: Set = ["cts-stream-pass/lttng-modules-2.0-pre5"]

    /// `<repository>/../shared/data/ctf`; nil when it is not there.
    static let root: URL? = {
        var folder = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        while folder.path != "/" {
            folder.deleteLastPathComponent()
            let manifest = folder.appendingPathComponent("Package.swift").path
            if FileManager.default.fileExists(atPath: manifest) { break }
        }
        let data = folder.deletingLastPathComponent().appendingPathComponent("shared/data/ctf")
        return FileManager.default.fileExists(atPath: data.path) ? data : nil
    }()

    /// Traces of CTF 1.8 that must be read, and how many events they have.
    static func passing() throws -> [(name: String, events: Int)] {
        guard let root else { return [] }
        let index = try String(contentsOf: root.appendingPathComponent("INDEX.tsv"), encoding: .utf8)
        return index.split(separator: "\n").compactMap { line in
            let columns = line.split(separator: "\t", omittingEmptySubsequences: false)
            guard columns.count >= 3, columns[1] == "pass", let events = Int(columns[2]) else { return nil }
            let suite = columns[0].split(separator: "/")[0]
            guard !suite.hasPrefix("yactfr-ctf2"), !suite.hasPrefix("yactfr-meta") else { return nil }
            return (String(columns[0]), events)
        }
    }
}

/// What a renderer makes of one batch.
func rendered(
    _ batch: FeedBatch,
    _ options: RenderingOptions,
    token: String? = nil
) throws -> (text: String, notices: [String]) {
    var renderer = FeedRenderer(options: options)
    var output = OutputBuffer()
    var notices: [String] = []
    _ = try renderer.render(batch, token: token, into: &output) { notices.append($0) }
    renderer.finish(into: &output)
    return (output.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }, notices)
}
