import CTF
import Feed

/// The text of events: `TextVisitor` with what packets need.
typealias TextPrinter = TextVisitor
/// The JSON of events: `JSONVisitor` with what packets need.
typealias JSONPrinter = JSONVisitor

extension TextVisitor: EventPrinter {
    func prepare(_ packet: FeedPacket) -> TextProgram {
        TextProgram(packet.program, options: options, traceName: Self.traceName(packet))
    }

    /// Live traces have no name; those of a directory are called as their host.
    private static func traceName(_ packet: FeedPacket) -> String? {
        guard packet.trace.relay.isEmpty else { return nil }
        guard case .text(let hostname)? = packet.program.traceClass.environmentValue("hostname") else { return "" }
        let path = packet.trace.relativePath
        return path.isEmpty ? hostname : "\(hostname)/\(path)"
    }

    mutating func appendSource(of packet: FeedPacket) {
    }

    /// A context is shown without members only where it is declared so, not when the decoder has use for them all.
    mutating func beginPacketContext(of packet: FeedPacket, _ prepared: TextProgram) {
        use(prepared)
        let streamClass = packet.program.traceClass.streamClasses.first { $0.id == packet.preamble.streamClassID }
        dropsEmptyScope = !(streamClass?.packetContext?.members.isEmpty ?? true)
    }

    @inline(__always)
    mutating func use(
        _ prepared: TextProgram,
        source: UnsafeRawBufferPointer,
        packetContext: UnsafeRawBufferPointer,
        correction: TimeCorrection
    ) {
        use(prepared)
        self.packetContext = packetContext
        self.correction = correction
        dropsEmptyScope = false
    }

    @inline(__always)
    mutating func setLate(_ late: EventGroup.Late?) {
    }
}

extension JSONVisitor: EventPrinter {
    func prepare(_ packet: FeedPacket) -> JSONProgram {
        JSONProgram(packet.program)
    }

    /// What says where a packet's events come from; names that nobody gave are left out.
    mutating func appendSource(of packet: FeedPacket) {
        let trace = packet.trace
        appendMember("relay", trace.relay)
        appendMember("host", trace.host)
        appendMember("session", trace.session)
        if !trace.relay.isEmpty {
            pen.appendLiteral(",\"session_id\":")
            pen.appendDecimal(trace.sessionID)
        }
        appendMember("trace", packet.program.traceClass.uuid?.description ?? trace.path)
        pen.appendLiteral(",\"stream\":")
        pen.appendDecimal(packet.preamble.streamInstanceID ?? packet.stream.liveStreamID)
        pen.appendLiteral(",\"stream_class\":")
        pen.appendDecimal(packet.preamble.streamClassID)
        if let cpuID = packet.preamble.cpuID {
            pen.appendLiteral(",\"cpu\":")
            pen.appendDecimal(cpuID)
        }
    }

    private mutating func appendMember(_ name: StaticString, _ value: String) {
        guard !value.isEmpty else { return }
        pen.appendLiteral(",\"")
        pen.appendLiteral(name)
        pen.appendLiteral("\":")
        pen.appendJSON(value)
    }

    mutating func beginPacketContext(of packet: FeedPacket, _ prepared: JSONProgram) {
        use(prepared)
    }

    @inline(__always)
    mutating func use(
        _ prepared: JSONProgram,
        source: UnsafeRawBufferPointer,
        packetContext: UnsafeRawBufferPointer,
        correction: TimeCorrection
    ) {
        use(prepared)
        self.source = source
        self.packetContext = packetContext
        self.correction = correction
    }

    @inline(__always)
    mutating func setLate(_ late: EventGroup.Late?) {
        lateNs = late?.lateNs ?? 0
        isLateByClock = late?.isByClock ?? false
    }
}
