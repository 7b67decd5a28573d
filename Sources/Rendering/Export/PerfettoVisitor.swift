import CTF
import Feed

/// Writes events as packets of Perfetto's trace. One visitor serves all programs, as in `JSONVisitor`.
///
/// What a packet's events have in common is written once and copied: as the source, the number of the machine, what its
/// trace packets and then what its track events have in common, the length of the former before them.
struct PerfettoVisitor: EventPrinter {
    var pen: OutputPen
    private let tracks: PerfettoTracks
    private var correction = TimeCorrection.none
    private var prepared: Unmanaged<PerfettoProgram>?
    private var names: Unmanaged<PerfettoNames>?
    private var numbers = PerfettoProgram.Numbers(events: nowhere(), fields: nowhere())
    private var packetCommon = UnsafeRawBufferPointer(start: nil, count: 0)
    private var eventCommon = UnsafeRawBufferPointer(start: nil, count: 0)
    private var packetContext = UnsafeRawBufferPointer(start: nil, count: 0)
    private var late: EventGroup.Late?
    private var packetStart = 0
    private var eventStart = 0
    /// Open scopes, structures and arrays.
    private var marks: [Mark] = []
    /// The variant or optional whose name the next value takes.
    private var outerName: FieldID?
    /// Time of the event before: that of an event without a clock.
    private var lastNs: Int64 = 0

    /// Members of messages.
    private enum Member {
        static let eventAnnotation: UInt64 = 4
        static let dictionaryEntry: UInt64 = 11
        static let arrayValue: UInt64 = 12
    }

    private struct Mark {
        /// Where its message began, with its tag.
        var begin: Int
        /// Where its message's content begins.
        var start: Int
        /// Where its values begin.
        var values: Int
        /// The member that its values are.
        var member: UInt64
    }

    init(pen: OutputPen, tracks: PerfettoTracks) {
        self.pen = pen
        self.tracks = tracks
    }

    // MARK: Packets

    func prepare(_ packet: FeedPacket) -> PerfettoProgram { PerfettoProgram(packet.program) }

    mutating func appendSource(of packet: FeedPacket) {
        let place = tracks[packet.stream.id] ?? PerfettoTracks.Place(machine: 0, track: 0)
        let length = pen.count
        for _ in 0..<8 { pen.append(0) }
        Self.appendCommon(machine: place.machine, to: &pen)
        let packetBytes = UInt32(pen.count - length - 8)
        Self.appendInstant(track: place.track, to: &pen)
        let start = UnsafeMutableRawPointer(pen.base + length)
        start.storeBytes(of: UInt32(place.machine), as: UInt32.self)
        (start + 4).storeBytes(of: packetBytes, as: UInt32.self)
    }

    /// The members of an event's `TracePacket` that do not change.
    static func appendCommon(machine: Int, to pen: inout OutputPen) {
        PerfettoTracks.appendOrigin(machine: machine, to: &pen)
        // It needs the names that came before.
        pen.appendNumber(13, 2)
        pen.appendNumber(58, PerfettoTracks.wallClock)
    }

    /// The members of a `TrackEvent` that do not change.
    static func appendInstant(track: UInt64, to pen: inout OutputPen) {
        pen.appendNumber(9, 3)
        pen.appendNumber(11, track)
    }

    mutating func beginPacketContext(of packet: FeedPacket, _ prepared: PerfettoProgram) {
        begin(prepared, machine: tracks[packet.stream.id]?.machine ?? 0)
        marks.removeAll(keepingCapacity: true)
    }

    mutating func use(
        _ prepared: PerfettoProgram,
        source: UnsafeRawBufferPointer,
        packetContext: UnsafeRawBufferPointer,
        correction: TimeCorrection
    ) {
        begin(prepared, machine: Int(source.loadUnaligned(as: UInt32.self)))
        let split = 8 + Int(source.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
        packetCommon = UnsafeRawBufferPointer(rebasing: source[8..<split])
        eventCommon = UnsafeRawBufferPointer(rebasing: source[split...])
        self.packetContext = packetContext
        self.correction = correction
    }

    /// Both outlive their use: the walker keeps the one, the tracks the other.
    private mutating func begin(_ prepared: PerfettoProgram, machine: Int) {
        self.prepared = .passUnretained(prepared)
        numbers = prepared.numbers(machine: machine)
        names = machine < tracks.names.count ? .passUnretained(tracks.names[machine]) : nil
    }

    mutating func setLate(_ late: EventGroup.Late?) { self.late = late }

    // MARK: Events and scopes

    mutating func beginEvent(_ event: Int, clockCycles: UInt64) {
        marks.removeAll(keepingCapacity: true)
        outerName = nil
        packetStart = pen.openMessage(1)
        if let clock = prepared?._withUnsafeGuaranteedRef({ $0.clocks[event] }) {
            lastNs = correction.corrected(clock.nanoseconds(clockCycles))
        }
        pen.appendNumber(8, UInt64(clamping: lastNs))
        pen.append(packetCommon)
        eventStart = pen.openMessage(11)
        pen.append(eventCommon)
        appendName(of: event)
        if let late { appendLate(late) }
        pen.append(packetContext)
    }

    private mutating func appendName(of event: Int) {
        if numbers.events[event] == 0 { numbers.events[event] = number(of: eventName(event), .event) }
        let number = numbers.events[event]
        if number > 0 { pen.appendNumber(10, UInt64(number)) } else { pen.appendText(23, eventName(event)) }
    }

    @inline(never)
    private func eventName(_ event: Int) -> String {
        prepared?.takeUnretainedValue().program.events[event].eventClass.name ?? ""
    }

    @inline(never)
    private func number(of name: String, _ kind: PerfettoNames.Kind) -> UInt32 {
        names?.takeUnretainedValue().number(name, kind) ?? 0
    }

    @inline(never)
    private mutating func appendLate(_ late: EventGroup.Late) {
        pen.appendText(22, late.isByClock ? "late by clock" : "late")
        let annotation = pen.openMessage(Member.eventAnnotation)
        pen.appendText(10, "late_ns")
        pen.appendNumber(4, UInt64(bitPattern: late.lateNs))
        pen.closeMessage(annotation)
    }

    mutating func endEvent() {
        pen.closeMessage(eventStart)
        if names?._withUnsafeGuaranteedRef({ $0.hasPending }) == true { appendPendingNames() }
        pen.closeMessage(packetStart)
    }

    @inline(never)
    private mutating func appendPendingNames() {
        names?.takeUnretainedValue().appendPending(to: &pen)
    }

    /// The payload's members are the event's annotations themselves; those of other scopes are in one of their own.
    mutating func beginScope(_ scope: FieldScope) {
        let name: StaticString
        switch scope {
        case .eventPayload:
            let start = pen.count
            marks.append(Mark(begin: start, start: start, values: start, member: Member.eventAnnotation))
            return
        case .packetContext, .packetHeader, .eventHeader: name = "packet"
        case .eventCommonContext: name = "stream_context"
        case .eventSpecificContext: name = "context"
        }
        let begin = pen.count
        let start = pen.openMessage(Member.eventAnnotation)
        pen.append(0x52)
        pen.append(UInt8(name.utf8CodeUnitCount))
        pen.appendLiteral(name)
        marks.append(Mark(begin: begin, start: start, values: pen.count, member: Member.dictionaryEntry))
    }

    mutating func endScope(_ scope: FieldScope) {
        guard let mark = marks.popLast(), mark.member != Member.eventAnnotation else { return }
        if pen.count == mark.values {
            pen.position = pen.base + mark.begin
        } else {
            pen.closeMessage(mark.start)
        }
    }

    // MARK: Compound values

    mutating func beginStructure(_ field: FieldID) { beginContainer(field, Member.dictionaryEntry) }
    mutating func endStructure(_ field: FieldID) { endContainer("{}") }
    mutating func beginArray(_ field: FieldID, count: Int) { beginContainer(field, Member.arrayValue) }
    mutating func endArray(_ field: FieldID) { endContainer("[]") }

    private mutating func beginContainer(_ field: FieldID, _ member: UInt64) {
        let begin = pen.count
        let start = beginValue(field)
        marks.append(Mark(begin: begin, start: start, values: pen.count, member: member))
    }

    /// An annotation has a value: that of an empty container is a text.
    private mutating func endContainer(_ empty: StaticString) {
        guard let mark = marks.popLast() else { return }
        if pen.count == mark.values {
            pen.append(0x32)
            pen.append(UInt8(empty.utf8CodeUnitCount))
            pen.appendLiteral(empty)
        }
        pen.closeMessage(mark.start)
    }

    /// The option's value takes the variant's name.
    mutating func beginVariant(_ field: FieldID, option: Int) { outerName = outerName ?? field }
    mutating func endVariant(_ field: FieldID) { outerName = nil }

    mutating func beginOptional(_ field: FieldID, isPresent: Bool) {
        if isPresent { outerName = outerName ?? field }
    }

    mutating func endOptional(_ field: FieldID) { outerName = nil }

    // MARK: Values

    mutating func unsigned(_ value: UInt64, _ field: FieldID) {
        guard let prepared else { return }
        let start = beginValue(field)
        let known = prepared.takeUnretainedValue().program.fields[Int(field.rawValue)]
        if case .integer(let integer) = known.fieldClass, integer.meaning == .boolean {
            pen.appendNumber(2, value == 0 ? 0 : 1)
        } else if let enumeration = known.enumeration {
            appendLabelled(3, value, enumeration)
        } else {
            pen.appendNumber(3, value)
        }
        pen.closeMessage(start)
    }

    mutating func signed(_ value: Int64, _ field: FieldID) {
        guard let prepared else { return }
        let start = beginValue(field)
        if let enumeration = prepared.takeUnretainedValue().program.fields[Int(field.rawValue)].enumeration {
            appendLabelled(4, UInt64(bitPattern: value), enumeration)
        } else {
            pen.appendNumber(4, UInt64(bitPattern: value))
        }
        pen.closeMessage(start)
    }

    mutating func float(_ value: Float, _ field: FieldID) { double(Double(value), field) }

    mutating func double(_ value: Double, _ field: FieldID) {
        let start = beginValue(field)
        pen.appendDouble(5, value)
        pen.closeMessage(start)
    }

    mutating func text(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {
        let start = beginValue(field)
        let value = pen.openMessage(6)
        appendText(bytes, field)
        pen.closeMessage(value)
        pen.closeMessage(start)
    }

    mutating func blob(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {
        let start = beginValue(field)
        let value = pen.openMessage(6)
        Base64.append(bytes, to: &pen)
        pen.closeMessage(value)
        pen.closeMessage(start)
    }

    // MARK: Parts

    /// Begins an annotation of its own, with its name where it has one.
    private mutating func beginValue(_ field: FieldID) -> Int {
        let named = Int((outerName ?? field).rawValue)
        outerName = nil
        let member = marks.last?.member ?? Member.eventAnnotation
        let start = pen.openMessage(member)
        guard member != Member.arrayValue else { return start }
        if numbers.fields[named] == 0 { numbers.fields[named] = number(of: fieldName(named), .annotation) }
        let number = numbers.fields[named]
        if number > 0 { pen.appendNumber(1, UInt64(number)) } else { pen.appendText(10, fieldName(named)) }
        return start
    }

    @inline(never)
    private func fieldName(_ field: Int) -> String {
        let name = prepared?.takeUnretainedValue().program.fields[field].name ?? ""
        return name.isEmpty ? "value" : name
    }

    /// The value and what it is called.
    private mutating func appendLabelled(_ member: UInt64, _ value: UInt64, _ enumeration: Int) {
        guard let prepared = prepared?.takeUnretainedValue() else { return }
        let number = pen.openMessage(Member.dictionaryEntry)
        pen.appendText(10, "value")
        pen.appendNumber(member, value)
        pen.closeMessage(number)
        var labels: [String] = []
        var last = -1
        while let mapping = prepared.lookups[enumeration].mapping(of: value, after: last) {
            labels.append(prepared.program.enumerations[enumeration].mappings[mapping].label)
            last = mapping
        }
        guard !labels.isEmpty else { return }
        let label = pen.openMessage(Member.dictionaryEntry)
        pen.appendText(10, "label")
        pen.appendText(6, labels.joined(separator: ", "))
        pen.closeMessage(label)
    }

    /// As UTF-8; bytes that are not become U+FFFD.
    private mutating func appendText(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {
        if bytes.allSatisfy({ $0 < 0x80 && $0 != 0 }), encoding(of: field).unitBytes == 1 { return pen.append(bytes) }
        let encoding = encoding(of: field)
        guard encoding.unitBytes > 1 else { return pen.append(String(decoding: bytes, as: UTF8.self)) }
        WideText(bytes, encoding: encoding).forEachUTF8 { pen.append($0) }
    }

    private func encoding(of field: FieldID) -> TextEncoding {
        switch prepared?.takeUnretainedValue().program.fields[Int(field.rawValue)].fieldClass {
        case .string(let string): string.encoding
        case .array(let array): array.textEncoding ?? .utf8
        default: .utf8
        }
    }
}
