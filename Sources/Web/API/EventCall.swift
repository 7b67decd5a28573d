import Feed
import HummingbirdCore
import Rendering
import Runtime
import Timeline

/// An event's name for the API: the frame that carries it, and its place there.
struct EventID: Sendable, CustomStringConvertible {
    var sequence: UInt64
    var index: UInt32

    /// - Returns: nil where the text is none.
    init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let sequence = UInt64(parts[0]), let index = UInt32(parts[1]) else { return nil }
        self.init(sequence: sequence, index: index)
    }

    init(sequence: UInt64, index: UInt32) {
        self.sequence = sequence
        self.index = index
    }

    init(_ position: EventPosition) {
        self.init(sequence: position.sequence, index: position.index)
    }

    var description: String { "\(sequence).\(index)" }
}

/// `/api/event/ID`: one event with all of its fields.
enum EventCall {
    static func answer(_ call: APICall) async throws -> WebAnswer {
        guard let id = EventID(call.request.uri.path.split(separator: "/").last ?? "") else {
            throw APIError.parameter("an event's id is SEQUENCE.INDEX")
        }
        let (event, batch) = try await call.find(id)
        guard let line = line(id.index, of: batch) else { throw APIError.gone("the event cannot be read") }
        var json = JSONBuffer(capacityBytes: line.count + 128)
        json.object { json in
            json.member("id", "\(id)")
            json.member("lane", event.lane)
            json.key("event")
            json.append(json: line)
        }
        return WebAnswer(json)
    }

    /// An event as `tail --format json` prints it.
    private static func line(_ index: UInt32, of batch: FeedBatch) -> [UInt8]? {
        guard let event = batch.only(event: Int(index)) else { return nil }
        var renderer = FeedRenderer(options: RenderingOptions(format: .json))
        var line: [UInt8] = []
        var output = OutputBuffer { line += $0 }
        do throws(RenderingError) {
            _ = try renderer.render(event, into: &output) { _ in }
        } catch {
            return nil
        }
        output.withUnsafeBytes { line += $0 }
        guard line.popLast() == newline else { return nil }
        return line
    }

    private static let newline = UInt8(ascii: "\n")
}

extension APICall {
    /// The event of an id, and the frame's batch.
    func find(_ id: EventID) async throws -> (FoundEvent, FeedBatch) {
        let batches = try await timeline.batches([id.sequence...id.sequence])
        let scope = scope
        guard let batch = batches.first,
            let event = try await timeline.ask({ book, _ in
                let view = book.model.lanes.view(of: scope)
                return book.model.event(id.index, of: batch, scope: scope, view: view)
            })
        else {
            throw APIError.gone("the event is not kept any more")
        }
        return (event, batch)
    }
}
