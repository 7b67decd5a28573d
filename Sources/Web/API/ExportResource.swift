import Feed
import HTTPTypes
import HummingbirdCore
import NIOCore
import Rendering
import Runtime
import Timeline

/// `/api/export`: a range of the feed as a file, as fast as the client reads it.
struct ExportResource: WebResource {
    let audience = WebAudience.viewers
    let timeline: FeedTimeline
    let gate: ClientGate

    func answer(_ request: WebRequest) async -> WebAnswer {
        guard let stay = gate.stay(request.client) else { return APIError.busy("too many exports at once").answer }
        do {
            let parameters = try APIParameters(request.uri.query, names: ["from", "to", "filter", "format"])
            let times = try parameters.times()
            let format = try format(parameters)
            let reading = try await RangeReading(
                timeline,
                times: times,
                filter: parameters.filter(),
                scope: request.scope
            )
            var answer = WebAnswer(
                contentType: format == .json ? "application/x-ndjson" : "application/octet-stream",
                body: .stream { stream in
                    defer { withExtendedLifetime(stay) {} }
                    try await reading.export(as: format, to: &stream)
                }
            )
            let suffix = format == .json ? "json" : "pftrace"
            let name = "tidemark-\(times.lowerBound)-\(times.upperBound).\(suffix)"
            answer.headers[.contentDisposition] = "attachment; filename=\"\(name)\""
            return answer
        } catch {
            return APIResource.refusal(error).answer
        }
    }

    private func format(_ parameters: APIParameters) throws(APIError) -> ExportFormat {
        switch try parameters.required("format") {
        case "json": .json
        case "perfetto": .perfetto
        // A tar names the size of a file before its content, which is known at the end.
        case "ctf": throw .parameter("directories cannot be sent: tidemark export --format ctf makes them")
        default: throw .parameter("format is perfetto or json")
        }
    }
}

/// Reads a range of the log for one export. Used by one task at a time, which `@unchecked Sendable` stands for.
private final class RangeReading: @unchecked Sendable {
    private struct Damage: Error {}

    private let timeline: FeedTimeline
    private let follower: FeedFollower
    private let times: Range<Int64>
    private let filter: FilterExpression?
    private var wanted: EventFilter?
    private var visible: ScopeFilter
    private var decoder = FrameDecoder()
    private var next: FeedPortion?
    private var hasBegun = false
    /// The last frame that was taken.
    private var lastTaken: UInt64 = 0
    /// The newest frame at the beginning: the export does not wait for what is to come.
    private let lastSequence: UInt64

    /// - Throws: `Refusal`, and what a feed throws that is not served.
    init(
        _ timeline: FeedTimeline,
        times: Range<Int64>,
        filter: FilterExpression?,
        scope: ViewScope
    ) async throws {
        self.timeline = timeline
        follower = try timeline.follower()
        self.times = times
        self.filter = filter
        wanted = scope.namesEvents ? EventFilter(nil, scope: scope) : nil
        visible = ScopeFilter(scope: scope)
        next = try await follower.open(token: nil, start: .time(ns: times.lowerBound)).get().portion
        lastSequence = try await follower.place().get().newest
    }

    deinit { follower.stop() }

    func export(as format: ExportFormat, to stream: inout WebStream) async throws {
        // Filled and emptied by this task alone.
        nonisolated(unsafe) var bytes: [UInt8] = []
        var exporter = FeedExporter(
            format,
            range: RangeFilter(beginNs: times.lowerBound, endNs: times.upperBound),
            filter: filter
        ) { bytes += $1 }
        while !exporter.isComplete, lastTaken < lastSequence {
            // Nothing more where the feed ends in the middle.
            guard let portion = next else { throw Damage() }
            try take(portion, &exporter)
            try await stream.write(bytes)
            bytes.removeAll(keepingCapacity: true)
            if !exporter.isComplete, lastTaken < lastSequence { next = try await follower.next().get() }
        }
        for frames in try await lateFrames(behind: lastTaken) {
            for batch in try await timeline.batches([frames]) {
                let late = batch.onlyEvents
                try take(late, &exporter)
                try await stream.write(bytes)
                bytes.removeAll(keepingCapacity: true)
            }
        }
        exporter.finish()
        try await stream.write(bytes)
    }

    /// Frames with events of the range that came late, when it was over.
    private func lateFrames(behind sequence: UInt64) async throws -> [ClosedRange<UInt64>] {
        guard sequence < lastSequence else { return [] }
        let times = times
        let all = try await timeline.ask { book, _ in
            book.model.index.frames(fromNs: times.lowerBound, toNs: times.upperBound)
        }
        return all.flatMap { frames in
            // One by one, so that few are in memory at once.
            (max(frames.lowerBound, sequence + 1)..<min(frames.upperBound, lastSequence) + 1).map { $0...$0 }
        }
    }

    private func take(_ portion: FeedPortion, _ exporter: inout FeedExporter) throws {
        var frames = portion.frames
        if let opening = portion.opening {
            // What follows is missing: the log has let go of it meanwhile.
            guard !hasBegun else { throw Damage() }
            hasBegun = true
            decoder = FrameDecoder()
            var encoder = FrameEncoder(feed: follower.feed)
            frames = try encoder.checkpoint(opening) + frames
        }
        for frame in frames where !exporter.isComplete && lastTaken < lastSequence {
            let received = try decoder.decode(frame.storage)
            lastTaken = received.batch.sequence
            try take(received.isCheckpoint ? received.batch.onlyNews : received.batch, &exporter)
        }
    }

    private func take(_ batch: FeedBatch, _ exporter: inout FeedExporter) throws {
        var seen = visible.filter(batch) { _ in true }
        if let wanted = wanted?.filtered(seen) { seen = wanted }
        // What cannot be read is no part of the file, and the client is to know that.
        var isDamaged = false
        do throws(RenderingError) {
            try exporter.take(seen) { _ in }
        } catch {
            isDamaged = true
        }
        if isDamaged { throw Damage() }
    }
}
