import CTF
import Feed

/// Writes a feed as Perfetto's trace: an instant event for each event, with its fields as annotations.
struct PerfettoExport: ~Copyable {
    private let tracks = PerfettoTracks()
    private let walker: EventWalker<PerfettoVisitor>
    /// The latest watermark: the time of what has none.
    private var timeNs: Int64 = 0

    init() {
        walker = EventWalker { [tracks] in PerfettoVisitor(pen: $0, tracks: tracks) }
    }

    /// Appends a batch.
    /// - Throws: the batch's first damage, after all the rest of the batch.
    mutating func take(_ batch: FeedBatch, into output: inout OutputBuffer) throws(RenderingError) {
        var damage: RenderingError?
        for record in batch.records {
            switch record {
            case .events(let group):
                for slice in group.slices {
                    let packet = slice.packet
                    let clock = packet.program.clockConversion(streamClassID: packet.preamble.streamClassID)
                    let begin = clock.map { packet.correction.corrected($0.nanoseconds(slice.clockCycles)) }
                    tracks.declare(packet, timeNs: begin ?? timeNs, to: &output.pen)
                }
                _ = walker.walk(group, eventLimit: .max, into: &output, damage: &damage)
            case .lost(let loss): append(loss, to: &output.pen)
            default: break
            }
            tracks.note(record)
        }
        timeNs = batch.watermarkNs ?? timeNs
        if let damage { throw damage }
    }

    /// A loss is an event of its own, on the track of its stream where that is known.
    private func append(_ loss: LossRecord, to pen: inout OutputPen) {
        let when = loss.toNs ?? loss.fromNs ?? timeNs
        let place =
            loss.streamID.flatMap { tracks[$0] }
            ?? tracks.place(relay: loss.relay, host: loss.host, timeNs: when, to: &pen)
        let packet = pen.openMessage(1)
        pen.appendNumber(8, UInt64(clamping: when))
        PerfettoVisitor.appendCommon(machine: place.machine, to: &pen)
        let event = pen.openMessage(11)
        PerfettoVisitor.appendInstant(track: place.track, to: &pen)
        let unit = loss.unit == .events ? "events" : "packets"
        pen.appendText(23, "lost \(unit)")
        pen.appendText(22, "lost")
        if let count = loss.count { annotate(unit, count, to: &pen) }
        if let from = loss.fromNs { annotate("from_ns", UInt64(clamping: from), to: &pen) }
        if let to = loss.toNs { annotate("to_ns", UInt64(clamping: to), to: &pen) }
        if !loss.reason.isEmpty {
            let annotation = pen.openMessage(4)
            pen.appendText(10, "reason")
            pen.appendText(6, loss.reason)
            pen.closeMessage(annotation)
        }
        pen.closeMessage(event)
        pen.closeMessage(packet)
    }

    private func annotate(_ name: String, _ value: UInt64, to pen: inout OutputPen) {
        let annotation = pen.openMessage(4)
        pen.appendText(10, name)
        pen.appendNumber(3, value)
        pen.closeMessage(annotation)
    }
}
