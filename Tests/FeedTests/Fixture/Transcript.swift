import CTF
import PacketWriter

@testable import Feed

/// A batch as lines, in which event records are spelled out: equal lines mean the same to a subscriber, wherever the
/// bytes lie and however they are cut.
struct Transcript {
    private(set) var lines: [String] = []
    /// Whether watermarks are lines, too.
    var hasWatermarks = true

    init(_ batches: [FeedBatch] = [], hasWatermarks: Bool = true) {
        self.hasWatermarks = hasWatermarks
        for batch in batches { append(batch) }
    }

    mutating func keep(_ isKept: (String) -> Bool) {
        lines = lines.filter(isKept)
    }

    mutating func append(_ batch: FeedBatch) {
        for record in batch.records {
            switch record {
            case .events(let group): append(group)
            case .metadata(let traceID, let bytes):
                lines.append("metadata \(traceID) \(String(decoding: bytes, as: UTF8.self))")
            default: lines.append("\(record)")
            }
        }
        if hasWatermarks, let watermarkNs = batch.watermarkNs { lines.append("watermark \(watermarkNs)") }
    }

    private mutating func append(_ group: EventGroup) {
        var cursors = group.slices.map { EventCursor(positionBits: $0.firstBits, clockCycles: $0.clockCycles) }
        var late = group.late[...]
        var index = 0
        for run in group.order {
            let slice = group.slices[Int(run.slice)]
            for _ in 0..<run.count {
                var visitor = RecordingVisitor(slice.packet.program)
                let bytes = PacketBytes(slice.bytes, firstByte: Int(slice.firstBits / 8))
                do {
                    try slice.packet.program.visitEvent(
                        bytes,
                        preamble: slice.packet.preamble,
                        cursor: &cursors[Int(run.slice)],
                        visitor: &visitor
                    )
                } catch {
                    lines.append("unreadable event of packet \(slice.packet.id): \(error)")
                }
                var (lateNs, isByClock) = (Int64(0), false)
                if let next = late.first, Int(next.index) == index {
                    (lateNs, isByClock) = (next.lateNs, next.isByClock)
                    late.removeFirst()
                }
                index += 1
                let packet = slice.packet
                lines.append(
                    "event \(packet.trace) \(packet.stream) packet \(packet.id) correction \(packet.correction)"
                        + " preamble \(packet.preamble) late \(lateNs) \(isByClock): \(visitor.calls)"
                )
            }
        }
        for (number, slice) in group.slices.enumerated() where cursors[number].positionBits != slice.endBits {
            lines.append("slice of packet \(slice.packet.id) ends elsewhere")
        }
    }
}

extension FeedBatch {
    func transcript() -> [String] { Transcript([self]).lines }
}
