import Feed
import Rendering
import Runtime

/// Renders batches to an output. Confined to the printing thread, which `@unchecked Sendable` stands for.
final class FeedPrinter: @unchecked Sendable {
    private var renderer: FeedRenderer
    /// Which events are printed; nil: all that come.
    private var filter: EventFilter?
    private var buffer: OutputBuffer
    private let output: OutputFile
    /// Nil where control records are printed as data.
    private var notices: NoticeFilter?
    /// Whether events could not be decoded.
    private(set) var isDamaged = false
    private(set) var isLimitReached = false

    init(
        options: RenderingOptions,
        audience: NoticeFilter.Audience,
        output: OutputFile = .standardOutput(),
        filter: FilterExpression? = nil
    ) {
        self.filter = filter.map { EventFilter($0) }
        renderer = FeedRenderer(options: options)
        // What cannot be written is noticed when the batch has been rendered.
        buffer = OutputBuffer { _ = output.write($0) }
        self.output = output
        let printsControlRecords = options.format == .json && options.includesControlRecords
        notices = printsControlRecords ? nil : NoticeFilter(for: audience)
    }

    /// Why the output cannot be written; nil while it can. A reader that has gone is no fault.
    var writeFault: FileError? { output.fault }

    func print(_ batch: FeedBatch, token: String? = nil) -> PrintVerdict {
        let wanted = filter?.filtered(batch) ?? batch
        let told = notices?.filter(wanted) ?? wanted
        do throws(RenderingError) {
            let progress = try renderer.render(told, token: token, into: &buffer) { standardError.write(line: $0) }
            isLimitReached = progress == .limitReached
        } catch {
            isDamaged = true
            standardError.write(line: "\(error)")
        }
        guard write() else { return .stop }
        return isLimitReached ? .stop : .goOn
    }

    /// Prints what comes at the end.
    func finish() {
        renderer.finish(into: &buffer)
        _ = write()
    }

    /// - Returns: whether everything was written.
    private func write() -> Bool {
        defer { buffer.removeAll() }
        return buffer.withUnsafeBytes { output.write($0) }
    }
}

extension FeedBatch {
    /// Without what a checkpoint repeats.
    var onlyNews: FeedBatch {
        var batch = self
        batch.records = records.filter { record in
            switch record {
            case .trace, .metadata, .stream, .traceEnd, .streamEnd, .gap: true
            case .events, .relay, .session, .lost, .holder, .clock, .log, .source, .idle, .end: false
            }
        }
        return batch
    }
}
