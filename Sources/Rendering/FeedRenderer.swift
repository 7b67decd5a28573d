package import Feed

/// What is to be done after a batch.
package enum RenderingProgress: Sendable, Equatable {
    case goOn
    /// The limit on events is reached: what was rendered is all that is to be printed.
    case limitReached
}

/// What went by, for `--format count` and for whoever wants to know.
package struct FeedTotals: Sendable, Equatable {
    package var events: UInt64 = 0
    package var late: UInt64 = 0
    package var lostEvents: UInt64 = 0
    package var lostPackets: UInt64 = 0
}

/// Renders a feed, batch by batch, to bytes that go to standard output, and notices that go to standard error.
///
/// The same for `view` and `tail`: give it each batch in order, write the output out and empty it after each one, and
/// call `finish` at the end. Times need what came before (differences, dates), so one renderer serves one output.
package struct FeedRenderer: ~Copyable {
    private let options: RenderingOptions
    private let text: EventWalker<TextPrinter>?
    private let json: EventWalker<JSONPrinter>?
    private var streams = KnownStreams()
    private var notices: NoticeText
    private var control = JSONControl()
    private var hasSaidNegativeTime = false
    /// Events rendered, or counted, and what else went by.
    package private(set) var totals = FeedTotals()

    package init(options: RenderingOptions) {
        self.options = options
        text = options.format == .text ? EventWalker { TextPrinter(options: options.text, pen: $0) } : nil
        json = options.format == .json ? EventWalker { JSONPrinter(pen: $0) } : nil
        notices = NoticeText(options: options.text)
    }

    /// Renders a batch.
    /// - Parameters:
    ///   - token: the resume token after the batch, for JSON's watermark records.
    ///   - output: what is to be printed is appended.
    ///   - notify: called with each line for standard error, without its newline and without control characters.
    /// - Throws: the batch's first damage, after all the rest of the batch has been rendered.
    package mutating func render(
        _ batch: FeedBatch,
        token: String? = nil,
        into output: inout OutputBuffer,
        notify: (String) -> Void
    ) throws(RenderingError) -> RenderingProgress {
        var damage: RenderingError?
        for record in batch.records {
            guard !isLimitReached else { break }
            switch record {
            case .events(let group): render(group, into: &output, damage: &damage)
            case .stream, .trace: streams.note(record)
            case .metadata: break
            default: renderControl(record, into: &output, notify: notify)
            }
        }
        if options.includesControlRecords, json != nil, !isLimitReached {
            control.appendWatermark(batch.watermarkNs, token: token, to: &output.pen)
        }
        sayNegativeTime(notify)
        if let damage { throw damage }
        return isLimitReached ? .limitReached : .goOn
    }

    /// Renders what comes at the end: the totals, for `--format count`.
    package mutating func finish(into output: inout OutputBuffer) {
        guard options.format == .count else { return }
        let line =
            "{\"type\":\"count\",\"events\":\(totals.events),\"late\":\(totals.late)"
            + ",\"lost_events\":\(totals.lostEvents),\"lost_packets\":\(totals.lostPackets)}\n"
        output.pen.append(line)
    }

    private var isLimitReached: Bool {
        guard let limit = options.eventLimit else { return false }
        return totals.events >= limit
    }

    private mutating func render(
        _ group: EventGroup,
        into output: inout OutputBuffer,
        damage: inout RenderingError?
    ) {
        for slice in group.slices { streams.note(slice.packet) }
        let allowed = options.eventLimit.map { $0 - totals.events } ?? .max
        let count: UInt64
        if let text {
            count = text.walk(group, eventLimit: allowed, into: &output, damage: &damage)
        } else if let json {
            count = json.walk(group, eventLimit: allowed, into: &output, damage: &damage)
        } else {
            count = min(UInt64(max(group.eventCount, 0)), allowed)
        }
        totals.events += count
        // Late ones before a cut only; damaged events may make this too large, never too small.
        totals.late += UInt64(group.late.count { count == UInt64(max(group.eventCount, 0)) || $0.index < count })
    }

    private mutating func renderControl(
        _ record: FeedRecord,
        into output: inout OutputBuffer,
        notify: (String) -> Void
    ) {
        if case .lost(let loss) = record {
            switch loss.unit {
            case .events: totals.lostEvents = totals.lostEvents.addingSaturated(loss.count ?? 0)
            case .packets: totals.lostPackets = totals.lostPackets.addingSaturated(loss.count ?? 0)
            }
        }
        if json != nil, options.includesControlRecords {
            control.append(record, streams: streams, to: &output.pen)
        } else if let notice = notices.notice(for: record, streams: streams) {
            notify(terminalSafe(notice))
        }
    }

    private mutating func sayNegativeTime(_ notify: (String) -> Void) {
        guard !hasSaidNegativeTime, let text, text.withPrinter({ $0.clock.hasMetNegativeTime }) else { return }
        hasSaidNegativeTime = true
        notify("times before the clock's origin cannot be shown as times of day; use --clock-seconds")
    }
}

extension UInt64 {
    fileprivate func addingSaturated(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
