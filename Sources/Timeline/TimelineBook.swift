import CTF
package import Feed

/// All that the timeline keeps of a feed: the model, the counts of filters, and places from which frames can be decoded
/// again. Made of the feed's frames, in order. Confined to one thread at a time.
package final class TimelineBook {
    /// Whose counts are kept: those of an expression, as somebody sees them.
    package struct FilterKey: Hashable, Sendable {
        package var text: String?
        package var scope: ViewScope

        package init(_ filter: FilterExpression?, scope: ViewScope) {
            text = filter?.text
            self.scope = scope
        }
    }

    private struct Filter {
        var key: FilterKey
        var counts: FilteredCounts
    }

    /// Filters whose counts are kept.
    package static let filtersMax = 4
    /// How many events whoever looks for a filter's reads at a time, about: after each such step it may stop.
    private static let filterStepEvents = 2048

    package private(set) var model: TimelineModel
    private var decoder = FrameDecoder()
    private var places = DecoderPlaces()
    /// The one used last stands last.
    private var filters: [Filter] = []

    /// - Parameters:
    ///   - checkpoint: what lives before the first frame that follows.
    ///   - watermarkNs: W there; nil at the feed's beginning.
    package init(
        checkpoint: [EncodedFrame],
        watermarkNs: Int64?,
        limits: TimelineModel.Limits = TimelineModel.Limits()
    ) throws(FeedError) {
        model = TimelineModel(watermarkNs: watermarkNs, limits: limits)
        for frame in checkpoint { model.fold(try decoder.decode(frame.storage).batch) }
        places.pass(frameBytes: 0, decoder)
    }

    /// The last frame taken in.
    package var sequence: UInt64 { decoder.sequence }

    /// Takes in the next frame.
    /// - Throws: what is wrong with it; the book is of no more use then.
    /// - Complexity: a scan of its events; one more for each filter where events are late.
    package func take(_ frame: EncodedFrame) throws(FeedError) {
        let received = try decoder.decode(frame.storage)
        places.pass(frameBytes: received.byteCount, decoder)
        model.fold(received.batch)
        for index in filters.indices { filters[index].counts.note(received.batch, model.lanes) }
    }

    /// The log has let go of frames.
    /// - Parameters:
    ///   - checkpoint: what lives before the oldest one that is kept.
    ///   - watermarkNs: W there.
    package func drop(checkpoint: [EncodedFrame], watermarkNs: Int64?) throws(FeedError) {
        var first = FrameDecoder()
        for frame in checkpoint { _ = try first.decode(frame.storage) }
        guard first.sequence < sequence else { return }
        places.drop(upTo: first.place)
        model.drop(before: first.sequence + 1, watermarkNs: watermarkNs)
        guard let watermarkNs else { return }
        for index in filters.indices { filters[index].counts.drop(beforeNs: watermarkNs, model.lanes) }
    }

    /// Where to begin to decode some frames; nil where they are kept no more.
    package func place(for frames: ClosedRange<UInt64>) -> FrameDecoder.Place? { places.place(for: frames) }

    /// The counts of a filter, which are new where they were not asked for lately.
    package func withFilter<Result>(
        _ filter: FilterExpression?,
        scope: ViewScope,
        _ body: (inout FilteredCounts, borrowing TimelineModel) -> Result
    ) -> Result {
        let key = FilterKey(filter, scope: scope)
        if let index = filters.firstIndex(where: { $0.key == key }) {
            filters.append(filters.remove(at: index))
        } else {
            if filters.count >= Self.filtersMax { filters.removeFirst() }
            filters.append(
                Filter(
                    key: key,
                    counts: FilteredCounts(
                        filter: filter,
                        scope: scope,
                        least: model.leastLevel,
                        stepEvents: Self.filterStepEvents
                    )
                )
            )
        }
        return body(&filters[filters.count - 1].counts, model)
    }
}
