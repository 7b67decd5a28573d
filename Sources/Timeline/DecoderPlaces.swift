import Feed

/// Places in the feed from which frames can be decoded, so many bytes of frames apart.
///
/// There are `placesMax` of them at most, which take `bytesMax` at most: when there is no room, every other one goes,
/// and from then on they are twice as far apart.
struct DecoderPlaces: Sendable {
    private let placesMax: Int
    private let bytesMax: Int
    /// Frame bytes between two.
    private var distanceBytes: Int
    /// By ascending sequence numbers.
    private var places: [FrameDecoder.Place] = []
    /// Frame bytes since the last one.
    private var passedBytes = 0

    init(distanceBytes: Int = 1 << 20, placesMax: Int = 512, bytesMax: Int = 64 << 20) {
        self.distanceBytes = distanceBytes
        self.bytesMax = bytesMax
        self.placesMax = max(2, placesMax)
    }

    /// A frame has been decoded.
    mutating func pass(frameBytes: Int, _ decoder: borrowing FrameDecoder) {
        passedBytes += frameBytes
        if passedBytes >= distanceBytes || places.isEmpty { append(decoder.place) }
    }

    private mutating func append(_ place: FrameDecoder.Place) {
        passedBytes = 0
        let bytes = places.reduce(0) { $0 + $1.byteCount }
        if places.count >= placesMax || places.count > 1 && bytes + place.byteCount > bytesMax {
            places = places.enumerated().compactMap { $0.offset % 2 == 0 ? $0.element : nil }
            distanceBytes *= 2
        }
        places.append(place)
    }

    /// The frames up to a place are gone.
    /// - Parameter first: right before the oldest frame that is kept.
    mutating func drop(upTo first: FrameDecoder.Place) {
        places.removeAll { $0.sequence <= first.sequence }
        places.insert(first, at: 0)
    }

    /// The last place from which all of some frames can be decoded; if they begin before the first place, that one.
    func place(for frames: ClosedRange<UInt64>) -> FrameDecoder.Place? {
        var (low, high) = (0, places.count)
        while low < high {
            let middle = (low + high) / 2
            if places[middle].sequence < frames.lowerBound { low = middle + 1 } else { high = middle }
        }
        if low > 0 { return places[low - 1] }
        return places.first.flatMap { $0.sequence < frames.upperBound ? $0 : nil }
    }
}
