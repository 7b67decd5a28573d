import CTF
import Feed

/// Shows the times of a slice's events, without reading their fields.
///
/// Its memory is taken once, so a scan allocates nothing but where a clock's correction changes. A copy shares it:
/// whoever may be copied makes it its own before a scan. Then a scanner is its owner's alone, which
/// `@unchecked Sendable` stands for.
struct SliceScanner: @unchecked Sendable {
    private static let keysMax = 8192
    private var keys = EventKeyBuffer(capacity: keysMax)

    /// Takes memory anew where a copy has the same.
    mutating func makeUnique() {
        if !isKnownUniquelyReferenced(&keys) { keys = EventKeyBuffer(capacity: Self.keysMax) }
    }

    /// - Parameter body: gets the keys in pieces, in stream order, and the index in the slice of a piece's first event;
    ///   they are valid during the call only.
    /// - Returns: how many events could be read; all, unless the slice is not what it says it is.
    mutating func scan(
        _ slice: EventSlice,
        _ body: (_ keys: EventKeyBuffer, _ first: Int) -> Void
    ) -> Int {
        let packet = slice.packet
        var cursor = EventCursor(positionBits: slice.firstBits, clockCycles: slice.clockCycles)
        var count = 0
        defer { withExtendedLifetime(slice) {} }
        while count < slice.eventCount {
            keys.removeAll()
            var result = ScanResult.needsMoreBytes
            do throws(PacketError) {
                result = try packet.program.scan(
                    PacketBytes(slice.bytes, firstByte: Int(clamping: slice.firstBits / 8)),
                    preamble: packet.preamble,
                    contentBits: slice.endBits,
                    correctionNs: packet.correction.offsetNs,
                    cursor: &cursor,
                    keys: &keys
                )
            } catch {}
            if !packet.correction.isConstant {
                keys.correct(by: packet.correction, insteadOf: packet.correction.offsetNs)
            }
            if keys.count > 0 { body(keys, count) }
            count += keys.count
            guard result == .full else { break }
        }
        return count
    }
}

/// Which events of a group's slices are late.
struct LatePlaces {
    private struct Place {
        var slice: Int
        /// In the slice.
        var index: Int
    }

    private var places: [Place] = []
    private var next = 0

    /// - Complexity: O(runs + late events · log late events), and nothing where none is late.
    init(_ group: EventGroup) {
        guard !group.late.isEmpty else { return }
        var gone = [Int](repeating: 0, count: group.slices.count)
        var late = group.late[...]
        var index = 0
        for run in group.order {
            let (slice, count) = (Int(run.slice), Int(run.count))
            guard gone.indices.contains(slice) else { continue }
            while let event = late.first, Int(event.index) < index + count {
                if Int(event.index) >= index {
                    places.append(Place(slice: slice, index: gone[slice] + Int(event.index) - index))
                }
                late.removeFirst()
            }
            index += count
            gone[slice] += count
        }
        places.sort { ($0.slice, $0.index) < ($1.slice, $1.index) }
    }

    /// Those of the slices in turn: to be asked for each slice, by ascending numbers.
    /// - Returns: ascending indexes in the slice.
    mutating func take(slice: Int) -> [Int] {
        guard next < places.count, places[next].slice == slice else { return [] }
        var taken: [Int] = []
        while next < places.count, places[next].slice == slice {
            taken.append(places[next].index)
            next += 1
        }
        return taken
    }
}
