import CTF
import Feed
import PacketWriter
import Testing

@testable import Timeline

@Suite struct TimelineBookTests {
    /// A made feed as frames, with the states before each.
    private struct Frames {
        var feed: MadeFeed
        var frames: [EncodedFrame] = []
        var states: [FeedState] = [FeedState()]

        init(seed: UInt64) throws {
            feed = try MadeFeed(seed: seed)
            var encoder = FrameEncoder(feed: TimelineModelTests.identity)
            for batch in feed.batches {
                for publication in try encoder.encode(batch) {
                    var state = try #require(states.last)
                    try state.fold(publication.batch)
                    frames.append(publication.frame)
                    states.append(state)
                }
            }
        }

        func checkpoint(before frame: Int) throws -> [EncodedFrame] {
            var encoder = FrameEncoder(feed: TimelineModelTests.identity)
            return try encoder.checkpoint(SubscriptionOpening(state: states[frame]))
        }

        func book(from frame: Int = 0) throws -> TimelineBook {
            let book = try TimelineBook(
                checkpoint: try checkpoint(before: frame),
                watermarkNs: states[frame].watermarkNs
            )
            for frame in frames[frame...] { try book.take(frame) }
            return book
        }
    }

    @Test(arguments: 1...3 as ClosedRange<UInt64>)
    func `a book made of frames counts what the model of the batches does`(seed: UInt64) throws {
        let frames = try Frames(seed: seed)
        let book = try frames.book()
        let model = TimelineModelTests.model(frames.feed.batches)
        #expect(book.model.figures.events == model.figures.events && model.figures.events > 0)
        #expect(book.model.figures.late == model.figures.late)
        #expect(book.model.lanes.rows().map(\.sums.events) == model.lanes.rows().map(\.sums.events))
        #expect(book.sequence == UInt64(frames.frames.count))
    }

    @Test
    func `from a place frames are decoded as by who has read all before`() throws {
        let frames = try Frames(seed: 4)
        var places = DecoderPlaces(distanceBytes: 2000, placesMax: 6)
        var decoder = FrameDecoder()
        for frame in try frames.checkpoint(before: 0) { _ = try decoder.decode(frame.storage) }
        places.pass(frameBytes: 0, decoder)
        var all: [FeedBatch] = []
        for frame in frames.frames {
            let received = try decoder.decode(frame.storage)
            all.append(received.batch)
            places.pass(frameBytes: received.byteCount, decoder)
        }
        let count = UInt64(frames.frames.count)
        var distances: Set<UInt64> = []
        for sequence in 1...count {
            let place = try #require(places.place(for: sequence...sequence))
            #expect(place.sequence < sequence)
            distances.insert(sequence - place.sequence)
            var other = FrameDecoder(at: place)
            for number in place.sequence..<sequence {
                let batch = try other.decode(frames.frames[Int(number)].storage).batch
                #expect(batch.sequence == number + 1 && other.sequence == number + 1)
                #expect(Self.text(batch) == Self.text(all[Int(number)]))
            }
        }
        // Otherwise nothing was gone on from.
        #expect(distances.count > 2 && (distances.max() ?? 0) < count)
        #expect(places.place(for: (count + 1)...(count + 1))?.sequence ?? .max <= count)
    }

    /// What a batch holds, to be compared.
    private static func text(_ batch: FeedBatch) -> [String] {
        batch.records.map { record in
            guard case .events(let group) = record else { return "\(record)" }
            let slices = group.slices.map { slice in
                "\(slice.packet.id) \(slice.firstBits) \(slice.endBits) \(slice.eventCount) \(Array(slice.bytes))"
            }
            return "\(slices) \(group.order) \(group.late)"
        }
    }

    @Test
    func `what the log has let go of is neither counted nor looked for`() throws {
        let frames = try Frames(seed: 5)
        let book = try frames.book()
        let cut = frames.frames.count / 2
        let watermarkNs = try #require(frames.states[cut].watermarkNs)
        try book.drop(checkpoint: try frames.checkpoint(before: cut), watermarkNs: watermarkNs)
        #expect(book.model.figures.beginNs == watermarkNs)
        let left = book.model.lanes.rows()[0].sums.events
        #expect(left < frames.feed.events.count && left > 0)
        let first = try #require(book.place(for: UInt64(cut + 1)...UInt64(cut + 1)))
        #expect(first.sequence == UInt64(cut))
        #expect(book.place(for: 1...UInt64(cut)) == nil)
    }

    @Test
    func `the counts of the four filters that were used last are kept`() throws {
        let book = try Frames(seed: 6).book()
        let filters = try (0...TimelineBook.filtersMax).map { try FilterExpression("seqno < \($0 + 1)") }
        for filter in filters.dropLast() {
            book.withFilter(filter, scope: .full) { counts, model in
                _ = counts.nextFrames(model, in: 0 ..< .max)
                counts.endStep()
            }
        }
        func isKnown(_ filter: FilterExpression) -> Bool {
            book.withFilter(filter, scope: .full) { counts, model in
                let begin = model.lanes.rows()[0].sums.firstNs ?? 0
                return counts.knownEndNs(in: 0 ..< .max, model) > begin
            }
        }
        #expect(isKnown(filters[0]))
        // Another one takes the place of the second, which was used before all others.
        #expect(!isKnown(filters[filters.count - 1]))
        #expect(isKnown(filters[0]) && isKnown(filters[3]) && !isKnown(filters[1]))
    }
}
