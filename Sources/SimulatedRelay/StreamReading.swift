import LTTngLive

/// How far a connection has read a stream that it was told of.
struct StreamReading {
    private let version: RelayVersion
    private(set) var hasHungUp = false
    /// The next step of a script, or packet of a generated stream.
    private var place = 0
    /// Packets of a generated stream before `place` that have events.
    private var written = 0
    /// The beacon held, in cycles; a packet clears it.
    private var lastBeacon: UInt64?
    /// A packet was said, or was there before the attach.
    private var hadPacket = false
    /// A packet was said to this viewer.
    private(set) var hasSaidPacket = false
    /// Metadata answers that said nothing since the stream's trace ended.
    private var vainAnswers = 0
    /// The bytes of the generated packet that was said last, until they are read.
    private var packet: GeneratedPacket?

    /// The stream is announced. What came after the attach is read from its beginning.
    init(of stream: SimulatedStream, _ attachment: RelayConnection.Attachment, version: RelayVersion) {
        self.version = version
        guard attachment.position == .last, !stream.live.isMetadata, stream.appearsAtNs <= attachment.atNs else {
            return
        }
        let nowNs = attachment.atNs
        hadPacket = true
        switch stream.content {
        case .scripted(let script): place = script.steps.prefix { $0.atNs <= nowNs && !$0.step.isHangUp }.count
        case .generated(let generated):
            place = generated.packetCount(at: nowNs)
            written = generated.packetsWithEvents(below: place)
        case .metadata: break
        }
    }

    enum IndexAnswer {
        case packet(PacketIndex)
        case beacon(UInt64)
        case status(IndexStatus)
    }

    /// What GET_NEXT_INDEX says.
    mutating func nextIndex(of stream: SimulatedStream, nowNs: UInt64, endsAtNs: UInt64) -> IndexAnswer {
        if hasHungUp || stream.live.isMetadata { return .status(hasHungUp ? .failed : .hungUp) }
        let answer: IndexAnswer
        switch stream.content {
        case .scripted(let script):
            answer = next(script, closesAtNs: stream.closesAtNs, nowNs: nowNs, endsAtNs: endsAtNs)
        case .generated(let generated): answer = next(generated, nowNs: nowNs, endsAtNs: endsAtNs)
        case .metadata: answer = .status(.hungUp)
        }
        if case .status(.hungUp) = answer { hasHungUp = true }
        return answer
    }

    private mutating func next(
        _ script: ScriptedStream,
        closesAtNs: UInt64,
        nowNs: UInt64,
        endsAtNs: UInt64
    ) -> IndexAnswer {
        if version.dropsUnreadAtClose, closesAtNs <= nowNs { return .status(.hungUp) }
        while place < script.steps.count, script.steps[place].atNs <= nowNs {
            let step = script.steps[place].step
            place += 1
            switch step {
            case .packet(let index, _):
                notePacket()
                return .packet(index)
            case .beacon(let cycles): lastBeacon = cycles
            case .status(let status): return .status(status)
            case .hangUp: return .status(.hungUp)
            case .metadata, .metadataStatus: continue
            }
        }
        return nowNs >= endsAtNs ? .status(.hungUp) : beaconOrNothing
    }

    private mutating func next(_ stream: GeneratedStream, nowNs: UInt64, endsAtNs: UInt64) -> IndexAnswer {
        let available = stream.packetCount(at: min(nowNs, endsAtNs))
        while place < available {
            let number = place
            place += 1
            if stream.eventCount(packet: number) == 0 {
                lastBeacon = stream.packetEnd(number)
                continue
            }
            notePacket()
            let packet = stream.packet(number, sequenceNumber: written)
            written += 1
            self.packet = packet
            return .packet(packet.index)
        }
        return nowNs >= endsAtNs ? .status(.hungUp) : beaconOrNothing
    }

    private mutating func notePacket() {
        lastBeacon = nil
        hadPacket = true
        hasSaidPacket = true
    }

    private var beaconOrNothing: IndexAnswer {
        guard let lastBeacon, hadPacket || version.knowsEarlyBeacons else { return .status(.retry) }
        return .beacon(lastBeacon)
    }

    /// What GET_PACKET serves; nil when the range is not in a packet.
    mutating func bytes(of stream: SimulatedStream, offset: UInt64, length: UInt32) -> ArraySlice<UInt8>? {
        switch stream.content {
        case .scripted(let script):
            // The packet said last stands first: after `lttng clear` offsets begin anew.
            for case (_, .packet(let index, let bytes)) in script.steps[..<place].reversed() {
                if let slice = Self.slice(of: bytes, at: index.offset, offset: offset, length: length) { return slice }
            }
            return nil
        case .generated(let generated):
            if packet == nil || packet?.index.offset != generated.fileOffset(of: offset) {
                packet = generated.packet(at: offset, below: place)
            }
            guard let packet else { return nil }
            let slice = Self.slice(of: packet.bytes, at: packet.index.offset, offset: offset, length: length)
            if slice?.endIndex == packet.bytes.endIndex { self.packet = nil }
            return slice
        case .metadata: return nil
        }
    }

    private static func slice(
        of bytes: [UInt8],
        at start: UInt64,
        offset: UInt64,
        length: UInt32
    ) -> ArraySlice<UInt8>? {
        guard offset >= start, offset - start <= UInt64(bytes.count) else { return nil }
        let first = Int(offset - start)
        guard Int(length) <= bytes.count - first else { return nil }
        return bytes[first..<first + Int(length)]
    }

    // MARK: Metadata

    /// Whether there is metadata that was not sent.
    func hasMetadata(of stream: SimulatedStream, nowNs: UInt64) -> Bool {
        switch stream.content {
        case .scripted(let script):
            return script.steps[place...].contains { step in
                if case .metadata = step.step { step.atNs <= nowNs } else { false }
            }
        case .metadata: return place == 0
        case .generated: return false
        }
    }

    /// What GET_METADATA says. - Parameter isOver: the data streams of the trace have ended.
    mutating func nextMetadata(
        of stream: SimulatedStream,
        nowNs: UInt64,
        isOver: Bool
    ) -> (status: MetadataStatus, bytes: [UInt8]) {
        guard stream.live.isMetadata else { return (.failed, []) }
        var bytes: [UInt8] = []
        switch stream.content {
        case .metadata(let text):
            if place == 0 { bytes = text }
            place = 1
        case .scripted(let script):
            while place < script.steps.count, script.steps[place].atNs <= nowNs {
                if case .metadataStatus(let status) = script.steps[place].step {
                    if bytes.isEmpty { place += 1 }
                    return bytes.isEmpty ? (status, []) : (.ok, bytes)
                }
                if case .metadata(let piece) = script.steps[place].step { bytes += piece }
                place += 1
            }
        case .generated: break
        }
        if !bytes.isEmpty { return (.ok, bytes) }
        guard isOver else { return (.noNew, []) }
        vainAnswers += 1
        return (vainAnswers > 1 ? .failed : .noNew, [])
    }

    /// Whether a packet is there that was not said.
    func hasUnread(of stream: SimulatedStream, nowNs: UInt64, endsAtNs: UInt64) -> Bool {
        switch stream.content {
        case .scripted(let script):
            return script.steps[place...].contains { step in
                if case .packet = step.step { step.atNs <= nowNs } else { false }
            }
        case .generated(let generated):
            let available = generated.packetCount(at: min(nowNs, endsAtNs))
            return (place..<max(place, available)).contains { generated.eventCount(packet: $0) > 0 }
        case .metadata: return false
        }
    }
}

extension ScriptedStream.Step {
    var isHangUp: Bool { if case .hangUp = self { true } else { false } }
}
