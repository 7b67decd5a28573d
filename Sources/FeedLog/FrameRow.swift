import Feed

/// Consecutive frames by number: appended at the end, dropped at the front.
struct FrameRow: Sendable {
    /// From `head` on; those before have been dropped and are nil.
    private var slots: [EncodedFrame?] = []
    private var head = 0
    private(set) var firstSequence: UInt64

    init(firstSequence: UInt64) {
        self.firstSequence = firstSequence
    }

    var count: Int { slots.count - head }
    var isEmpty: Bool { count == 0 }
    /// The number after the last frame's.
    var endSequence: UInt64 { firstSequence + UInt64(count) }

    subscript(sequence: UInt64) -> EncodedFrame? {
        guard sequence >= firstSequence, sequence < endSequence else { return nil }
        return slots[head + Int(sequence - firstSequence)]
    }

    mutating func append(_ frame: EncodedFrame) {
        slots.append(frame)
    }

    /// Drops the frames up to and with `sequence`.
    /// - Complexity: amortised O(dropped).
    mutating func dropFirst(upTo sequence: UInt64) {
        while firstSequence <= sequence, !isEmpty {
            slots[head] = nil
            head += 1
            firstSequence += 1
        }
        guard head > slots.count / 2 else { return }
        slots.removeFirst(head)
        head = 0
    }

    /// Frames after `sequence`: at least one, and no more bytes than `limitBytes` unless the first one is longer.
    func after(_ sequence: UInt64, limitBytes: Int) -> [EncodedFrame] {
        var found: [EncodedFrame] = []
        var bytes = 0
        var next = sequence + 1
        while let frame = self[next] {
            guard found.isEmpty || bytes + frame.byteCount <= limitBytes else { break }
            found.append(frame)
            bytes += frame.byteCount
            next += 1
        }
        return found
    }

    /// The newest frame that carries a W not after `ns`.
    /// - Complexity: O(log frames) where most frames carry W.
    func lastSequence(watermarkNotAfter ns: Int64) -> UInt64? {
        var low = firstSequence
        var high = endSequence
        var found: UInt64?
        while low < high {
            let middle = low + (high - low) / 2
            // A frame without W counts as the next one that carries it.
            var probe = middle
            while probe < high, self[probe]?.watermarkNs == nil { probe += 1 }
            guard probe < high, let watermarkNs = self[probe]?.watermarkNs else {
                high = middle
                continue
            }
            if watermarkNs <= ns {
                found = probe
                low = probe + 1
            } else {
                high = middle
            }
        }
        return found
    }
}
