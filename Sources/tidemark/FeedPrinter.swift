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
    private let progress: ProgressLine
    /// Nil where control records are printed as data.
    private var notices: NoticeFilter?
    /// Whether events could not be decoded.
    private(set) var isDamaged = false
    private(set) var isLimitReached = false

    init(
        options: RenderingOptions,
        audience: NoticeFilter.Audience,
        output: OutputFile = .standardOutput(),
        filter: FilterExpression? = nil,
        progress: ProgressLine
    ) {
        self.progress = progress
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
        progress.update(batch, events: renderer.totals.events)
        guard write() else { return .stop }
        return isLimitReached ? .stop : .goOn
    }

    /// Prints what comes at the end.
    func finish() {
        renderer.finish(into: &buffer)
        _ = write()
        progress.end()
    }

    /// - Returns: whether everything was written.
    private func write() -> Bool {
        defer { buffer.removeAll() }
        return buffer.withUnsafeBytes { output.write($0) }
    }
}
