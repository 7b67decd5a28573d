import CTF
import Feed
import LTTngLive
import ReExport
import Testing

/// A viewer that asks one thing at a time, and the log that it is answered from.
final class ScriptedViewer {
    let feed: ExportedFeed
    private(set) var export: ReExport
    private let minor: UInt32
    /// The last frame that was read.
    private var sequence: UInt64 = 0
    /// Frames that a read gives at most.
    var framesPerRead = Int.max
    /// How often the log was asked.
    private(set) var readCount = 0

    init(_ feed: ExportedFeed, minor: UInt32 = 4, limits: ReExportLimits = ReExportLimits()) throws {
        self.feed = feed
        self.minor = minor
        export = ReExport(feed: ExportedFeed.feed, limits: limits)
        let reply = try ask(1, u64(.max) + u32(2) + u32(minor) + u32(1))
        #expect(reply.count == 20)
        #expect(try ask(8) == u32(1))
    }

    struct Index: Equatable {
        var status: IndexStatus
        var offset: UInt64 = 0
        var packetBits: UInt64 = 0
        var contentBits: UInt64 = 0
        var begin: UInt64 = 0
        var end: UInt64 = 0
        var discarded: UInt64 = 0
        var classID: UInt64 = 0
        var flags: UInt32 = 0

        static func beacon(_ cycles: UInt64, flags: UInt32 = 0) -> Index {
            Index(status: .inactive, end: cycles, flags: flags)
        }
    }

    func endFeed() { export.feedEnds() }

    struct Session: Equatable {
        var id: UInt64
        var streams: UInt32
        var name: String
    }

    func list() throws -> [Session] {
        let reply = try ask(2)
        var start = 4
        return (0..<Int(reply.u32(0))).map { _ in
            let (hostname, name): (String, String)
            let (id, streams) = (reply.u64(start), reply.u32(start + 16))
            if minor < 15 {
                (hostname, name) = (reply.text(start + 20, 64), reply.text(start + 84, 255))
                start += 339
            } else {
                let (first, second) = (Int(reply.u32(start + 20)), Int(reply.u32(start + 24)))
                (hostname, name) = (reply.text(start + 32, first), reply.text(start + 32 + first, second))
                start += 32 + first + second
            }
            return Session(id: id, streams: streams, name: "\(hostname)/\(name)")
        }
    }

    /// Attaches what is listed under a name.
    func attach(_ name: String, seek: UInt32 = 1) throws -> (status: AttachStatus, streams: [LiveStream]) {
        let session = try #require(try list().first { $0.name == name })
        let reply = try ask(3, u64(session.id) + u64(0) + u32(seek))
        return (try #require(AttachStatus(rawValue: reply.u32(0))), streams(reply))
    }

    struct Attached {
        var id: UInt64
        /// By channel.
        var streams: [LiveStream]
        var metadata: [LiveStream]
    }

    /// Attaches from the beginning, and asks for streams until there are some.
    /// - Parameter reads: their metadata too.
    func attachAll(_ name: String = "web/run", reads: Bool = true) throws -> Attached {
        let id = try #require(try list().first { $0.name == name }).id
        var found = try attach(name).streams
        for _ in 0..<10 where found.isEmpty { found = try newStreams(id).streams }
        if reads { for stream in found where stream.isMetadata { _ = try metadata(stream) } }
        return Attached(
            id: id,
            streams: found.filter { !$0.isMetadata }.sorted { $0.channel < $1.channel },
            metadata: found.filter(\.isMetadata)
        )
    }

    func newStreams(_ session: UInt64) throws -> (status: NewStreamsStatus, streams: [LiveStream]) {
        let reply = try ask(7, u64(session))
        return (try #require(NewStreamsStatus(rawValue: reply.u32(0))), streams(reply))
    }

    func detach(_ session: UInt64) throws -> UInt32 { try ask(9, u64(session)).u32(0) }

    func index(_ stream: LiveStream) throws -> Index {
        let reply = try ask(4, u64(stream.id.rawValue))
        return Index(
            status: try #require(IndexStatus(rawValue: reply.u32(56))),
            offset: reply.u64(0),
            packetBits: reply.u64(8),
            contentBits: reply.u64(16),
            begin: reply.u64(24),
            end: reply.u64(32),
            discarded: reply.u64(40),
            classID: reply.u64(48),
            flags: reply.u32(60)
        )
    }

    /// - Returns: nil where it is refused.
    func packet(_ stream: LiveStream, offset: UInt64, length: UInt32) throws -> [UInt8]? {
        let reply = try ask(5, u64(stream.id.rawValue) + u64(offset) + u32(length))
        guard reply.u32(0) == PacketStatus.ok.rawValue else { return nil }
        #expect(reply.u32(4) == length)
        return Array(reply[12...])
    }

    func packet(_ stream: LiveStream, _ index: Index) throws -> [UInt8]? {
        try packet(stream, offset: index.offset, length: UInt32(index.packetBits / 8))
    }

    func metadata(_ stream: LiveStream) throws -> (status: MetadataStatus, bytes: [UInt8]) {
        let reply = try ask(6, u64(stream.id.rawValue))
        #expect(reply.u64(0) == UInt64(reply.count - 12))
        return (try #require(MetadataStatus(rawValue: reply.u32(8))), Array(reply[12...]))
    }

    private func streams(_ reply: [UInt8]) -> [LiveStream] {
        (0..<Int(reply.u32(4))).map { index in
            let start = 8 + index * 4371
            return LiveStream(
                id: LiveStreamID(reply.u64(start)),
                trace: LiveTraceID(reply.u64(start + 8)),
                isMetadata: reply.u32(start + 16) == 1,
                path: reply.text(start + 20, 4096),
                channel: reply.text(start + 20 + 4096, 255)
            )
        }
    }

    /// Sends a request and reads the log for it, as the driver would.
    func ask(_ command: UInt32, _ payload: [UInt8] = []) throws -> [UInt8] {
        let request = u64(UInt64(payload.count)) + u32(command) + u32(0) + payload
        try request.withUnsafeBytes { try export.received($0) }
        while true {
            switch export.advance() {
            case .idle: return export.takeOutput { Array($0) }
            case .answered: continue
            case .look: export.looked(feed.newest.liveSessions)
            case .open(let seek):
                let state = seek == .last ? feed.newest : feed.oldest
                sequence = state.sequence
                try export.opened(SubscriptionOpening(state: state))
            case .read: try read()
            }
        }
    }

    private func read() throws {
        readCount += 1
        if sequence < feed.oldest.sequence {
            sequence = feed.oldest.sequence
            return try export.opened(SubscriptionOpening(state: feed.oldest))
        }
        let frames = feed.frames.filter { $0.sequence > sequence }.prefix(framesPerRead)
        guard let last = frames.last else { return export.tookNothing() }
        sequence = last.sequence
        try export.took(Array(frames))
    }
}

func u64(_ value: UInt64) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }
func u32(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }

extension [UInt8] {
    fileprivate func u64(_ at: Int) -> UInt64 { self[at..<at + 8].reduce(0) { $0 << 8 | UInt64($1) } }
    fileprivate func u32(_ at: Int) -> UInt32 { self[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) } }
    fileprivate func text(_ at: Int, _ count: Int) -> String {
        String(decoding: self[at..<at + count].prefix { $0 != 0 }, as: UTF8.self)
    }
}
