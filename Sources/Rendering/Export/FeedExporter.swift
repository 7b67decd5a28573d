package import Feed

/// The form of an export.
package enum ExportFormat: String, Sendable, CaseIterable {
    /// Perfetto's protobuf trace.
    case perfetto
    /// One JSON object a line, as `tail --format json` prints it.
    case json
    /// A directory of CTF traces.
    case ctf
}

/// Turns a range of the feed into a file, or into the files of a directory: batches in, bytes out.
///
/// Give it each batch in order, and call `finish` at the end. No event is held: what is kept grows with the number of
/// streams and the size of their metadata, not with the range. Whoever stops when it `isComplete` has all that came by
/// then; events of the range that come late behind it are exported as well where they are given.
package struct FeedExporter: ~Copyable {
    /// Takes bytes that are to be appended to a file of the export.
    ///
    /// The name is empty where the export is one file, else a relative path without `..`. Bytes are valid during the
    /// call only.
    package typealias Write = (_ file: String, _ bytes: UnsafeRawBufferPointer) -> Void

    private var filter: EventFilter?
    private var range: RangeFilter
    /// The JSON, or nothing but totals and notices.
    private var renderer: FeedRenderer
    private var perfetto: PerfettoExport?
    private var ctf: CTFExport?
    private var output: OutputBuffer
    private let write: Write
    /// The end of the range has been passed: all in order that it holds has been written.
    package private(set) var isComplete = false

    /// - Parameters:
    ///   - range: which times are wanted.
    ///   - filter: which events are wanted; nil: all.
    package init(
        _ format: ExportFormat,
        range: RangeFilter,
        filter: FilterExpression? = nil,
        write: @escaping Write
    ) {
        self.filter = filter.map { EventFilter($0) }
        self.range = range
        self.write = write
        renderer = FeedRenderer(options: RenderingOptions(format: format == .json ? .json : .count))
        perfetto = format == .perfetto ? PerfettoExport() : nil
        ctf = format == .ctf ? CTFExport(write: write) : nil
        output = OutputBuffer { write("", $0) }
    }

    /// What was exported.
    package var totals: FeedTotals { renderer.totals }

    /// Exports the events of a batch.
    /// - Parameter notify: called with each line for standard error, without its newline and control characters.
    /// - Throws: the batch's first damage, after all the rest of the batch has been exported.
    package mutating func take(_ batch: FeedBatch, notify: (String) -> Void) throws(RenderingError) {
        let inRange = range.filtered(filter?.filtered(batch) ?? batch)
        defer {
            flush()
            isComplete = isComplete || range.isPassed(by: batch.watermarkNs)
        }
        _ = try renderer.render(inRange, into: &output, notify: notify)
        try perfetto?.take(inRange, into: &output)
        try ctf?.take(inRange, notify: notify)
    }

    /// Writes what comes at the end.
    package mutating func finish() {
        ctf?.finish()
        flush()
    }

    private mutating func flush() {
        guard !output.isEmpty else { return }
        output.withUnsafeBytes { write("", $0) }
        output.removeAll()
    }
}
