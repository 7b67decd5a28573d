import CTF
import Feed

/// Writes a feed as a directory of CTF traces, one for each upstream trace, that read as the feed does.
///
/// Events are copied as they came, bit for bit, in packets of their own; metadata is the upstream's text. Packets are
/// numbered anew, and their counters of discarded events count what the feed says was lost. Two traces of one UUID, as
/// clones of a machine have, which readers would take for one, are told apart by a new one. Times are those of the
/// hosts' own clocks: corrections are no part of CTF.
struct CTFExport: ~Copyable {
    typealias Write = FeedExporter.Write

    /// Bytes of all packets that are being put together; beyond that all are closed.
    private static let heldBytesMax = 16 << 20
    /// Bytes of a packet that is closed when it can be.
    private static let packetBytes = 64 << 10
    /// Bytes of a packet that cannot be cut elsewhere.
    private static let packetBytesMax = 64 << 20

    /// A trace of the feed.
    private struct Source {
        var trace: FeedTrace
        var metadata = CTFMetadata()
        /// Index in `traces`, once an event of it has come.
        var output: Int?
    }

    /// What makes an upstream trace, whatever its number in the feed.
    private struct TraceKey: Hashable {
        var relay: String
        var host: String
        var session: String
        var sessionID: UInt64
        var path: String
        var uuid: TraceUUID?
    }

    private struct StreamKey: Hashable {
        var output: Int
        var classID: UInt64
        /// Its instance id, or else the feed's number.
        var instanceID: UInt64?
        var streamID: UInt64?
    }

    /// A trace of the export.
    private struct Output {
        var directory: String
        /// The UUID that takes the place of the upstream's.
        var uuid: TraceUUID?
        /// The upstream's.
        var upstreamUUID: TraceUUID?
        /// Bytes of metadata that have been written.
        var metadataBytes = 0
        var files: Set<String> = ["metadata"]
    }

    private struct Stream {
        var file: String
        var output: Int
        /// Whether a packet of it has been written.
        var hasBegun = false
        var held: CTFPacket?
        /// The upstream packet of the last one written.
        var lastPacket: FeedPacket
        var lastLayout: PreambleLayout
        var sequence: UInt64 = 0
        var discarded: UInt64 = 0
        /// The clock after the last packet written.
        var lastCycles: UInt64?
        /// Whether something was lost since.
        var hasLost = false
    }

    private struct Loss {
        var events: UInt64 = 0
        var packets: UInt64 = 0
    }

    private struct LayoutKey: Hashable {
        var program: ObjectIdentifier
        var classID: UInt64
    }

    private var sources: [UInt64: Source] = [:]
    private var outputs: [Output] = []
    private var outputIndexes: [TraceKey: Int] = [:]
    private var directories: Set<String> = []
    private var uuids: Set<TraceUUID> = []
    private var streams: [StreamKey: Stream] = [:]
    /// By the feed's number.
    private var streamKeys: [UInt64: StreamKey] = [:]
    /// What was lost of streams of which no event has come.
    private var earlyLosses: [UInt64: Loss] = [:]
    private var layouts: [LayoutKey: (program: TraceProgram, layout: PreambleLayout?)] = [:]
    private var heldBytes = 0
    private var hasSaidCorrection = false
    private let write: Write

    /// Layouts kept for programs that no event uses any more.
    private static let layoutsMax = 256

    init(write: @escaping Write) {
        self.write = write
    }

    /// Takes a batch.
    /// - Throws: the batch's first damage, after all the rest of the batch.
    mutating func take(_ batch: FeedBatch, notify: (String) -> Void) throws(RenderingError) {
        var damage: RenderingError?
        for record in batch.records {
            switch record {
            case .trace(let trace): sources[trace.id] = Source(trace: trace)
            case .metadata(let traceID, let bytes): sources[traceID]?.metadata.append(bytes)
            case .events(let group):
                for slice in group.slices {
                    do throws(PacketError) {
                        try take(slice, notify)
                    } catch {
                        damage = damage ?? RenderingError(slice.packet, error)
                    }
                }
            case .lost(let loss): take(loss)
            case .traceEnd(let traceID):
                writeMetadata(of: traceID)
                sources[traceID] = nil
            case .stream, .streamEnd, .relay, .session, .holder, .clock, .gap, .log, .source, .idle, .end:
                break
            }
        }
        if heldBytes > Self.heldBytesMax {
            for key in streams.keys { closePacket(key) }
        }
        if let damage { throw damage }
    }

    /// Writes all that is held.
    mutating func finish() {
        for key in streams.keys {
            closePacket(key)
            // Losses behind the last packet need another one to be told by.
            if let stream = streams[key], stream.hasLost { writeEmptyPacket(key) }
        }
        for traceID in sources.keys { writeMetadata(of: traceID) }
    }

    // MARK: Events

    private mutating func take(_ slice: EventSlice, _ notify: (String) -> Void) throws(PacketError) {
        let packet = slice.packet
        guard slice.eventCount > 0 else { return }
        guard let layout = layout(packet) else {
            throw PacketError(.foreignPreamble, atBits: 0)
        }
        let keys = slice.keys
        guard keys.count == slice.eventCount, keys.count > 0 else {
            throw PacketError(.needsMoreBytes, atBits: slice.endBits)
        }
        if !packet.correction.isNone, !hasSaidCorrection {
            hasSaidCorrection = true
            notify("CTF carries no clock corrections: times are those of the hosts' own clocks")
        }
        let key = open(packet, layout, clockCycles: slice.clockCycles, notify)
        let (first, last) = (keys.cyclesBefore(1), keys.cyclesBefore(keys.count))
        if let held = streams[key]?.held {
            let isSame = held.packet.id == packet.id && held.fits(slice, timeCycles: first)
            let fresh = CTFPacket(packet, layout, clockCycles: slice.clockCycles)
            // A file is a stream of its own where packets do not say how long they are: the fewer the better.
            let isLong =
                layout.isSized && held.bytes.count > Self.packetBytes && fresh.fits(slice, timeCycles: first)
            if !isSame || isLong || held.bytes.count > Self.packetBytesMax { closePacket(key) }
        }
        if streams[key]?.held == nil {
            let fresh = CTFPacket(packet, layout, clockCycles: beginCycles(of: slice, key, layout))
            guard fresh.fits(slice, timeCycles: first) else {
                throw PacketError(.foreignPreamble, atBits: slice.firstBits)
            }
            streams[key]?.held = fresh
            heldBytes += fresh.bytes.count
        }
        let before = streams[key]?.held?.bytes.count ?? 0
        streams[key]?.held?.append(slice, endCycles: last)
        heldBytes += (streams[key]?.held?.bytes.count ?? 0) - before
    }

    /// Where a reader's clock stands at a new packet's first event: at the packet's beginning, if it says that.
    private func beginCycles(of slice: EventSlice, _ key: StreamKey, _ layout: PreambleLayout) -> UInt64 {
        guard let field = layout[.timestampBegin] else { return layout.isSized ? streams[key]?.lastCycles ?? 0 : 0 }
        return field.sizeBits == 64 ? slice.clockCycles : streams[key]?.lastCycles ?? slice.clockCycles
    }

    /// Closes the packet that is held of a stream, and writes it.
    private mutating func closePacket(_ key: StreamKey) {
        guard let packet = streams[key]?.held else { return }
        streams[key]?.held = nil
        heldBytes -= packet.bytes.count
        write(packet, key)
    }

    private mutating func write(_ packet: CTFPacket, _ key: StreamKey) {
        guard var stream = streams[key] else { return }
        var packet = packet
        packet.close(sequence: stream.sequence, discarded: stream.discarded, uuid: outputs[stream.output].uuid)
        // Packets that do not say how long they are have a file each.
        if !stream.lastLayout.isSized, stream.hasBegun {
            stream.file = Self.unused(stream.file, "stream", in: &outputs[stream.output].files)
        }
        stream.hasBegun = true
        packet.bytes.withUnsafeBytes { write("\(outputs[stream.output].directory)/\(stream.file)", $0) }
        stream.sequence += 1
        stream.lastCycles = packet.endCycles
        stream.hasLost = false
        streams[key] = stream
    }

    private mutating func writeEmptyPacket(_ key: StreamKey) {
        guard let stream = streams[key] else { return }
        write(CTFPacket(stream.lastPacket, stream.lastLayout, clockCycles: stream.lastCycles ?? 0), key)
    }

    private mutating func layout(_ packet: FeedPacket) -> PreambleLayout? {
        let classID = packet.preamble.streamClassID
        let key = LayoutKey(program: ObjectIdentifier(packet.program), classID: classID)
        if let known = layouts[key] { return known.layout }
        if layouts.count > Self.layoutsMax { layouts.removeAll() }
        let layout = PreambleLayout(packet.program.traceClass, streamClassID: classID)
        layouts[key] = (packet.program, layout)
        return layout
    }

    // MARK: Losses

    private mutating func take(_ loss: LossRecord) {
        guard let count = loss.count, count > 0, let streamID = loss.streamID else { return }
        let lost = Loss(events: loss.unit == .events ? count : 0, packets: loss.unit == .packets ? count : 0)
        guard let key = streamKeys[streamID] else {
            earlyLosses[streamID, default: Loss()].events &+= lost.events
            earlyLosses[streamID]?.packets &+= lost.packets
            return
        }
        closePacket(key)
        add(lost, to: key)
    }

    /// Counters wrap, as those of tracers do.
    private mutating func add(_ loss: Loss, to key: StreamKey) {
        streams[key]?.discarded &+= loss.events
        streams[key]?.sequence &+= loss.packets
        streams[key]?.hasLost = true
    }

    // MARK: Traces and streams

    private mutating func open(
        _ packet: FeedPacket,
        _ layout: PreambleLayout,
        clockCycles: UInt64,
        _ notify: (String) -> Void
    ) -> StreamKey {
        let output = output(packet, notify)
        let instanceID = packet.preamble.streamInstanceID
        let key = StreamKey(
            output: output,
            classID: packet.preamble.streamClassID,
            instanceID: instanceID,
            streamID: instanceID == nil ? packet.stream.id : nil
        )
        streamKeys[packet.stream.id] = key
        if streams[key] == nil {
            // Whatever a channel is called, it is one file.
            let channel = packet.stream.channel.split(separator: "/").joined(separator: "_")
            let file = Self.unused(channel, "stream", in: &outputs[output].files)
            streams[key] = Stream(file: file, output: output, lastPacket: packet, lastLayout: layout)
            if let loss = earlyLosses.removeValue(forKey: packet.stream.id) {
                // What is lost is told from packet to packet.
                streams[key]?.lastCycles = clockCycles
                writeEmptyPacket(key)
                add(loss, to: key)
            }
        }
        streams[key]?.lastPacket = packet
        streams[key]?.lastLayout = layout
        return key
    }

    private mutating func output(_ packet: FeedPacket, _ notify: (String) -> Void) -> Int {
        let trace = packet.trace
        if let known = sources[trace.id]?.output { return known }
        let uuid = packet.program.traceClass.uuid
        let key = TraceKey(
            relay: trace.relay,
            host: trace.host,
            session: trace.session,
            sessionID: trace.sessionID,
            path: trace.path,
            uuid: uuid
        )
        if let known = outputIndexes[key] {
            sources[trace.id]?.output = known
            return known
        }
        let live = [trace.relay, trace.host, trace.session].filter { !$0.isEmpty }.joined(separator: "-")
        let name = live.isEmpty ? trace.relativePath : "\(live)/\(trace.path)"
        var output = Output(directory: Self.unused(name, "trace", in: &directories), upstreamUUID: uuid)
        if let uuid, !uuids.insert(uuid).inserted {
            let other = Self.uuid(uuid, unlike: uuids)
            if sources[trace.id]?.metadata.text(uuid, replacedBy: other) != nil {
                output.uuid = other
                uuids.insert(other)
            } else {
                notify("\(output.directory): has the identity of another trace, which readers may take it for")
            }
        }
        outputs.append(output)
        outputIndexes[key] = outputs.count - 1
        sources[trace.id]?.output = outputs.count - 1
        return outputs.count - 1
    }

    /// Another UUID, which follows from the first and how many there are.
    private static func uuid(_ uuid: TraceUUID, unlike others: Set<TraceUUID>) -> TraceUUID {
        var low = uuid.low
        repeat { low = low &* 0x9E37_79B9_7F4A_7C15 &+ 1 } while others.contains(TraceUUID(high: uuid.high, low: low))
        return TraceUUID(high: uuid.high, low: low)
    }

    /// Appends what has come of a trace's metadata since it was written, if an event has.
    private mutating func writeMetadata(of traceID: UInt64) {
        guard let source = sources[traceID], let index = source.output else { return }
        var text = source.metadata.text
        if let new = outputs[index].uuid, let old = outputs[index].upstreamUUID,
            let changed = source.metadata.text(old, replacedBy: new)
        {
            text = changed
        }
        let complete = CTFMetadata.complete(text)
        guard complete.count > outputs[index].metadataBytes else { return }
        if outputs[index].metadataBytes == 0, !complete.starts(with: CTFMetadata.signature.prefix(6)),
            complete[0] != 0x1E
        {
            CTFMetadata.signature.withUnsafeBytes { write("\(outputs[index].directory)/metadata", $0) }
        }
        complete[outputs[index].metadataBytes...].withUnsafeBytes { write("\(outputs[index].directory)/metadata", $0) }
        outputs[index].metadataBytes = complete.count
    }

    /// A path below the export's directory that nothing has yet, nor has anything above it or below it, of letters that
    /// every file system and shell takes.
    private static func unused(_ name: String, _ otherwise: String, in used: inout Set<String>) -> String {
        let parts = name.split(separator: "/").suffix(6).map { part in
            let letters = part.unicodeScalars.prefix(100).map { scalar in
                let isPlain = scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
                return isPlain || scalar == "-" || scalar == "_" || scalar == "." ? Character(scalar) : "_"
            }
            // Hidden files are no streams.
            return letters.first == "." ? "_" + String(letters) : String(letters)
        }
        let plain = parts.isEmpty ? otherwise : parts.joined(separator: "/")
        var path = plain
        var number = 1
        while used.contains(where: { $0 == path || $0.hasPrefix(path + "/") || path.hasPrefix($0 + "/") }) {
            number += 1
            path = "\(plain)-\(number)"
        }
        used.insert(path)
        return path
    }
}

extension RenderingError {
    init(_ packet: FeedPacket, _ cause: PacketError) {
        self.init(
            relay: packet.trace.relay,
            host: packet.trace.host,
            session: packet.trace.session,
            tracePath: packet.trace.path,
            liveStreamID: packet.stream.liveStreamID,
            channel: packet.stream.channel,
            packetID: packet.id,
            fileOffset: packet.fileOffset,
            cause: cause
        )
    }
}
