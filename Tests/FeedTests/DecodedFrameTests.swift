import CFeedSchema
import CTF
import PacketWriter
import Testing

@testable import Feed

@Suite struct DecodedFrameTests {
    /// Decoded frames, read by protobuf alone, as lines.
    private struct Reader {
        var lines: [String] = []
        var sequences: [UInt64] = []
        var tokens = 0
        private var messages = MessageReader(limits: FeedLimits())

        mutating func read(_ frame: ByteStorage) throws {
            try withExtendedLifetime(frame) {
                let body = UnsafeRawBufferPointer(rebasing: frame.bytes[4...])
                let message: UnsafeMutablePointer<Tidemark__Feed__Frame> =
                    try messages.unpack(body, tidemark__feed__frame__init)
                sequences.append(message.pointee.sequence)
                if !text(message.pointee.token).isEmpty { tokens += 1 }
                for index in 0..<message.pointee.n_records {
                    guard let record = message.pointee.records[index] else { continue }
                    if record.pointee.record_case == TIDEMARK__FEED__RECORD__RECORD_DECODED_EVENTS {
                        events(record.pointee.decoded_events.pointee)
                    } else if record.pointee.record_case == TIDEMARK__FEED__RECORD__RECORD_LOST {
                        lines.append(
                            "lost \(record.pointee.lost.pointee.count) \(text(record.pointee.lost.pointee.reason))"
                        )
                    }
                }
            }
        }

        private mutating func events(_ events: Tidemark__Feed__DecodedEvents) {
            for index in 0..<events.n_events {
                guard let event = events.events[index]?.pointee, Int(event.packet) < events.n_packets,
                    let packet = events.packets[Int(event.packet)]?.pointee
                else { continue }
                lines.append(
                    "\(text(packet.relay)) \(text(packet.host)) \(text(packet.session)) \(text(packet.trace))"
                        + " \(packet.stream) cpu \(packet.cpu) \(structure(packet.context)) \(event.timestamp_ns)"
                        + " \(text(event.name)) late \(event.late_ns) \(event.late_by_clock != 0) level \(event.level)"
                        + " \(structure(event.stream_context)) \(structure(event.context)) \(structure(event.fields))"
                )
            }
        }

        private func structure(_ structure: UnsafeMutablePointer<Tidemark__Feed__Structure>?) -> String {
            guard let structure = structure?.pointee else { return "-" }
            return fields(structure.fields, structure.n_fields)
        }

        private func fields(
            _ fields: UnsafeMutablePointer<UnsafeMutablePointer<Tidemark__Feed__Field>?>?,
            _ count: Int
        ) -> String {
            let values = (0..<count).map { index -> String in
                guard let field = fields?[index]?.pointee else { return "?" }
                return text(field.name) + "=" + value(field)
            }
            return "{" + values.joined(separator: ",") + "}"
        }

        private func value(_ field: Tidemark__Feed__Field) -> String {
            switch field.value_case {
            case TIDEMARK__FEED__FIELD__VALUE_UNSIGNED_INTEGER: return "\(field.unsigned_integer)"
            case TIDEMARK__FEED__FIELD__VALUE_SIGNED_INTEGER: return "\(field.signed_integer)"
            case TIDEMARK__FEED__FIELD__VALUE_REAL: return "\(field.real.bitPattern)"
            case TIDEMARK__FEED__FIELD__VALUE_TEXT: return "'\(text(field.text))'"
            case TIDEMARK__FEED__FIELD__VALUE_STRUCTURE: return structure(field.structure)
            case TIDEMARK__FEED__FIELD__VALUE_ARRAY:
                return fields(field.array.pointee.elements, field.array.pointee.n_elements)
            case TIDEMARK__FEED__FIELD__VALUE_ENUMERATION:
                let enumeration = field.enumeration.pointee
                let labels = (0..<enumeration.n_labels).map { text(enumeration.labels[$0]) }
                return "\(enumeration.unsigned_value):\(labels.joined(separator: "|"))"
            case TIDEMARK__FEED__FIELD__VALUE_ABSENT: return "absent"
            default: return "?"
            }
        }
    }

    /// The same lines, from the values that the packets were written with.
    private func expected(_ batch: FeedBatch) throws -> [String] {
        var lines: [String] = []
        for case .events(let group) in batch.records {
            var cursors = group.slices.map { EventCursor(positionBits: $0.firstBits, clockCycles: $0.clockCycles) }
            var index = 0
            for run in group.order {
                let slice = group.slices[Int(run.slice)]
                let packet = slice.packet
                for _ in 0..<run.count {
                    var visitor = RecordingVisitor(packet.program)
                    let bytes = PacketBytes(slice.bytes, firstByte: Int(slice.firstBits / 8))
                    try packet.program.visitEvent(
                        bytes,
                        preamble: packet.preamble,
                        cursor: &cursors[Int(run.slice)],
                        visitor: &visitor
                    )
                    lines.append(
                        line(packet, visitor.calls, late: group.late.first { $0.index == index })
                    )
                    index += 1
                }
            }
        }
        return lines
    }

    private func line(_ packet: FeedPacket, _ calls: [Visited], late: EventGroup.Late?) -> String {
        var scopes: [FieldScope: String] = [:]
        var scope = FieldScope.eventPayload
        var text = ""
        var event = 0
        var cycles: UInt64 = 0
        func put(_ value: String) { text += (text.hasSuffix("{") ? "" : ",") + value }
        for call in calls {
            switch call {
            case .beginEvent(let number, let clockCycles): (event, cycles) = (number, clockCycles)
            case .endEvent: break
            case .beginScope(let begun): (scope, text) = (begun, "{")
            case .endScope: scopes[scope] = text + "}"
            case .beginStructure(let name), .beginArray(let name, _): put(name + "={")
            case .endStructure, .endArray: text += "}"
            case .beginVariant, .endVariant, .beginOptional, .endOptional, .blob: break
            case .unsigned("level", let value):
                put("level=\(value):" + (value == 1 ? "low|odd" : value < 4 ? "low" : "high"))
            case .unsigned(let name, let value): put("\(name)=\(value)")
            case .signed(let name, let value): put("\(name)=\(value)")
            case .float(let name, let bits): put("\(name)=\(bits)")
            case .double(let name, let bits): put("\(name)=\(bits)")
            case .text(let name, let bytes): put("\(name)='\(String(decoding: bytes, as: UTF8.self))'")
            }
        }
        let timestampNs = packet.correction.corrected(1_700_000_000_000_000_000 + Int64(cycles))
        let uuid = packet.program.traceClass.uuid.map(\.description) ?? ""
        return "\(packet.trace.relay) \(packet.trace.host) \(packet.trace.session) \(uuid) \(packet.stream.id)"
            + " cpu \(packet.stream.id % 4) {cpu_id=\(packet.stream.id % 4),shelf=9} \(timestampNs)"
            + " \(event == 0 ? "demo:tick" : "demo:mark") late \(late?.lateNs ?? 0)"
            + " \(late?.isByClock ?? false) level \(event == 0 ? 6 : 0)"
            + " \(scopes[.eventCommonContext] ?? "-") \(scopes[.eventSpecificContext] ?? "-")"
            + " \(scopes[.eventPayload] ?? "-")"
    }

    @Test(arguments: 1...6)
    func `values arrive as they were written`(seed: UInt64) throws {
        let sample = try SampleFeed(seed: seed)
        var encoder = DecodedFrameEncoder(feed: RoundTripTests.feed, limits: FeedLimits())
        var count = 0
        for batch in sample.batches {
            var reader = Reader()
            for frame in try encoder.encode(batch) { try reader.read(frame) }
            let lines = try expected(batch)
            #expect(reader.lines.filter { !$0.hasPrefix("lost 0 wrapped") } == lines)
            count += lines.count
        }
        #expect(count == 3 * 2 * 3 * 12)
    }

    @Test func `a batch may take several frames of one number, the last with the token`() throws {
        var limits = FeedLimits()
        limits.splitBytes = 2000
        let sample = try SampleFeed(seed: 4, shape: SampleFeed.Shape(eventsPerBatch: 60))
        var encoder = DecodedFrameEncoder(feed: RoundTripTests.feed, limits: limits)
        var most = 0
        for (index, batch) in sample.batches.enumerated() {
            var numbered = batch
            numbered.sequence = UInt64(index + 1)
            var reader = Reader()
            let frames = try encoder.encode(numbered)
            for frame in frames { try reader.read(frame) }
            #expect(reader.lines.filter { !$0.hasPrefix("lost 0 wrapped") } == (try expected(batch)))
            #expect(reader.sequences == [UInt64](repeating: UInt64(index + 1), count: frames.count))
            #expect(reader.tokens == (batch.watermarkNs == nil ? 0 : 1))
            #expect(frames.allSatisfy { $0.capacity < 2 * limits.splitBytes })
            most = max(most, frames.count)
        }
        #expect(most > 3)
    }

    @Test func `short values weigh what their messages do`() throws {
        // A reader has two messages for each element, which takes four bytes here.
        var limits = FeedLimits()
        limits.decodedEventBytes = 2400
        let trace = LTTngTrace()
        let bytes = trace.writePacket(
            events: [
                LTTngTrace.tick(at: 1, seqno: 1, bytes: [UInt8](repeating: 1, count: 20)),
                LTTngTrace.tick(at: 2, seqno: 2, bytes: [UInt8](repeating: 1, count: 100)),
            ]
        )
        let program = try TraceProgram(trace.traceClass)
        let names = ProgramNames(program)
        var writer = ValueWriter(limits: limits)
        defer { writer.out.free() }
        try bytes.withUnsafeBytes { raw in
            let packet = PacketBytes(raw)
            let preamble = try program.readPreamble(packet)
            var cursor = preamble.firstEvent
            for isTooLarge in [false, true] {
                let start = writer.out.count
                writer.begin(names)
                try program.visitEvent(packet, preamble: preamble, cursor: &cursor, visitor: &writer)
                #expect(writer.isTooLarge == isTooLarge && writer.out.count - start < 1000)
            }
        }
    }

    @Test func `an event with too many values is a loss`() throws {
        var limits = FeedLimits()
        limits.decodedEventBytes = 1000
        let shape = SampleFeed.Shape(
            traces: 1,
            streamsPerTrace: 1,
            packetsPerStream: 1,
            eventsPerPacket: 5,
            extraTextBytes: 2000
        )
        let sample = try SampleFeed(seed: 4, shape: shape)
        var encoder = DecodedFrameEncoder(feed: RoundTripTests.feed, limits: limits)
        var reader = Reader()
        for batch in sample.batches {
            for frame in try encoder.encode(batch) { try reader.read(frame) }
        }
        let losses = reader.lines.filter { $0.contains("cannot be decoded") }
        #expect(losses.count > 0 && !reader.lines.contains { $0.contains("demo:") })
    }
}
