import CTF
package import LTTngLive

/// A trace that was stored, to be served again: its packets come when the time at which they ended has come.
///
/// The time of the trace is laid onto the simulation's: its earliest packet begins when the session appears. Streams
/// give beacons at each tick of the live timer that is not within one of their packets.
package struct RecordedTrace: Sendable {
    /// A data stream's file.
    package struct File: Sendable {
        package var name: String
        package var bytes: [UInt8]
        /// The file of the same name with `.idx` in the folder `index`; nil: packets are found by their headers.
        package var index: [UInt8]?

        package init(name: String, bytes: [UInt8], index: [UInt8]? = nil) {
            self.name = name
            self.bytes = bytes
            self.index = index
        }
    }

    private struct Stream {
        var name: String
        var packets: [(index: PacketIndex, bytes: [UInt8])]
    }

    private let metadata: [UInt8]
    private let traceClass: TraceClass
    private let streams: [Stream]
    private let frequencyHz: UInt64

    /// - Parameter metadata: the whole metadata file, in packets or plain.
    package init(metadata: [UInt8], files: [File]) throws(RecordedTraceError) {
        self.metadata = metadata
        let program: TraceProgram
        do {
            var reader = MetadataReader()
            try metadata.withUnsafeBytes { try reader.append($0) }
            try reader.finish()
            guard let read = reader.traceClass else { throw RecordedTraceError.unusableMetadata }
            program = try TraceProgram(read)
        } catch {
            throw .unusableMetadata
        }
        traceClass = program.traceClass
        frequencyHz = traceClass.clocks.first?.frequencyHz ?? 1_000_000_000
        var streams: [Stream] = []
        for file in files where !file.bytes.isEmpty {
            let indexes: [PacketIndex]
            if let index = file.index {
                indexes = try Self.indexes(in: index, of: file)
            } else {
                indexes = try Self.indexes(of: file, program)
            }
            var packets: [(index: PacketIndex, bytes: [UInt8])] = []
            for index in indexes {
                // Fits: both were compared with the file's size.
                let start = Int(index.offset)
                packets.append((index, Array(file.bytes[start..<start + Int(index.packetBits / 8)])))
            }
            streams.append(Stream(name: file.name, packets: packets))
        }
        self.streams = streams
    }

    /// Packets with data, over all streams.
    package var packetCount: Int { streams.reduce(0) { $0 + $1.packets.count } }

    /// The session that serves it.
    /// - Parameters:
    ///   - listed: its name, number and live timer. The trace format is that of the metadata.
    ///   - firstStream: its streams are numbered from there on, the metadata stream last.
    ///   - appearsAtNs: when the trace's time begins.
    ///   - version: of the relay that it is for.
    package func session(
        _ listed: ListedSession,
        firstStream: UInt64 = 1,
        appearsAtNs: UInt64 = 0,
        version: RelayVersion = .newest
    ) -> ScriptedSession {
        var listed = listed
        listed.format = isCTF2 ? .ctf2 : .ctf1
        let trace = LiveTraceID(listed.id.rawValue)
        let begin = streams.compactMap { $0.packets.first?.index.timestampBegin }.min() ?? 0
        let end = streams.compactMap { $0.packets.last?.index.timestampEnd }.max() ?? 0
        let time = ReplayTime(begin: begin, frequencyHz: frequencyHz, startNs: appearsAtNs)
        var scripted: [ScriptedStream] = []
        func live(_ channel: String, isMetadata: Bool) -> LiveStream {
            LiveStream(
                id: LiveStreamID(firstStream + UInt64(scripted.count)),
                trace: trace,
                isMetadata: isMetadata,
                path: "recorded",
                channel: channel
            )
        }
        for stream in streams {
            let steps = steps(of: stream, time, periodNs: listed.livePeriodNs, end: end)
            scripted.append(
                ScriptedStream(live(stream.name, isMetadata: false), appearsAtNs: appearsAtNs, steps: steps)
            )
        }
        scripted.append(
            ScriptedStream(
                live("metadata", isMetadata: true),
                appearsAtNs: appearsAtNs,
                steps: [(appearsAtNs, .metadata(metadata(for: version)))]
            )
        )
        return ScriptedSession(
            listed,
            appearsAtNs: appearsAtNs,
            endsAtNs: time.ns(of: end) + 2 * max(listed.livePeriodNs, 1_000_000),
            streams: scripted
        )
    }

    private func steps(
        of stream: Stream,
        _ time: ReplayTime,
        periodNs: UInt64,
        end: UInt64
    ) -> [(atNs: UInt64, step: ScriptedStream.Step)] {
        var steps: [(atNs: UInt64, step: ScriptedStream.Step)] = []
        var tickNs = time.startNs + max(periodNs, 1_000_000)
        /// Beacons for the ticks up to some cycles, from `first` on.
        func tick(from first: UInt64, through last: UInt64) {
            while time.cycles(atNs: tickNs) <= last {
                if time.cycles(atNs: tickNs) >= first { steps.append((tickNs, .beacon(time.cycles(atNs: tickNs)))) }
                tickNs += max(periodNs, 1_000_000)
            }
        }
        var done: UInt64 = 0
        for packet in stream.packets {
            tick(from: done, through: packet.index.timestampBegin)
            steps.append((time.ns(of: packet.index.timestampEnd), .packet(packet.index, packet.bytes)))
            done = packet.index.timestampEnd
        }
        tick(from: done, through: end)
        return steps
    }

    private var isCTF2: Bool { metadata.first == 0x1E }

    /// Releases up to 2.13 send TSDL in packets, later ones as plain text.
    private func metadata(for version: RelayVersion) -> [UInt8] {
        guard !isCTF2 else { return metadata }
        let text = MetadataPackets.unwrap(metadata)
        return version.packsMetadata ? MetadataPackets.wrap(text, uuid: traceClass.uuid) : text
    }
}

/// Why a stored trace cannot be served.
package enum RecordedTraceError: Error, Sendable, Equatable {
    case unusableMetadata
    /// Not an index of LTTng's, or one of packets that are not there.
    case unusableIndex(file: String)
    /// A packet whose header does not say how long it is or when it was written.
    case unusablePacket(file: String, offset: UInt64)
}

/// The trace's time on the simulation's.
private struct ReplayTime {
    /// Cycles at `startNs`.
    let begin: UInt64
    let frequencyHz: UInt64
    let startNs: UInt64

    func ns(of cycles: UInt64) -> UInt64 {
        startNs &+ Self.scaled(cycles - min(begin, cycles), by: 1_000_000_000, over: frequencyHz)
    }

    /// The last cycle that has passed.
    func cycles(atNs: UInt64) -> UInt64 {
        begin &+ Self.scaled(atNs - min(startNs, atNs), by: frequencyHz, over: 1_000_000_000)
    }

    private static func scaled(_ value: UInt64, by factor: UInt64, over divisor: UInt64) -> UInt64 {
        let product = value.multipliedFullWidth(by: factor)
        guard divisor > product.high else { return .max >> 1 }
        return divisor.dividingFullWidth(product).quotient
    }
}

// MARK: Indexes

extension RecordedTrace {
    private static let indexMagic: UInt32 = 0xC1F1_DCC1
    private static let indexHeaderBytes = 16
    private static let indexEntryBytes = 56

    /// Reads an index file: a header of magic, major 1, minor and the size of an entry, then entries of seven numbers
    /// or more, all big-endian.
    fileprivate static func indexes(in bytes: [UInt8], of file: File) throws(RecordedTraceError) -> [PacketIndex] {
        func number<Integer: FixedWidthInteger>(_ type: Integer.Type, _ offset: Int) -> Integer {
            bytes[offset..<offset + Integer.bitWidth / 8].reduce(0) { $0 << 8 | Integer(truncatingIfNeeded: $1) }
        }
        guard bytes.count >= indexHeaderBytes, number(UInt32.self, 0) == indexMagic, number(UInt32.self, 4) == 1 else {
            throw .unusableIndex(file: file.name)
        }
        let entryBytes = Int(number(UInt32.self, 12))
        guard entryBytes >= indexEntryBytes else { throw .unusableIndex(file: file.name) }
        var indexes: [PacketIndex] = []
        var offset = indexHeaderBytes
        while offset + entryBytes <= bytes.count {
            let index = PacketIndex(
                offset: number(UInt64.self, offset),
                packetBits: number(UInt64.self, offset + 8),
                contentBits: number(UInt64.self, offset + 16),
                timestampBegin: number(UInt64.self, offset + 24),
                timestampEnd: number(UInt64.self, offset + 32),
                eventsDiscarded: number(UInt64.self, offset + 40),
                streamClassID: number(UInt64.self, offset + 48)
            )
            let count = UInt64(file.bytes.count)
            guard index.offset <= count, index.packetBits / 8 <= count - index.offset,
                index.contentBits <= index.packetBits
            else { throw .unusableIndex(file: file.name) }
            indexes.append(index)
            offset += entryBytes
        }
        return indexes
    }

    /// Finds the packets of a file by their headers.
    fileprivate static func indexes(of file: File, _ program: TraceProgram) throws(RecordedTraceError) -> [PacketIndex]
    {
        var indexes: [PacketIndex] = []
        var offset = 0
        while offset < file.bytes.count {
            let preamble = file.bytes.withUnsafeBytes { bytes in
                try? program.readPreamble(
                    PacketBytes(UnsafeRawBufferPointer(rebasing: bytes[offset...])),
                    // A relay knows times in full that are short in the packets.
                    clockCycles: indexes.last?.timestampBegin ?? 0
                )
            }
            guard let preamble, let totalBits = preamble.totalBits, totalBits > 0,
                totalBits / 8 <= UInt64(file.bytes.count - offset), let begin = preamble.timestampBeginCycles,
                let end = preamble.timestampEndCycles
            else { throw .unusablePacket(file: file.name, offset: UInt64(offset)) }
            indexes.append(
                PacketIndex(
                    offset: UInt64(offset),
                    packetBits: totalBits,
                    contentBits: preamble.contentBits ?? totalBits,
                    timestampBegin: begin,
                    timestampEnd: end,
                    eventsDiscarded: preamble.discardedEvents ?? 0,
                    streamClassID: preamble.streamClassID
                )
            )
            offset += Int(totalBits / 8)
        }
        return indexes
    }
}
