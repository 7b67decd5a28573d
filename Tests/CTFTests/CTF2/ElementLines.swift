import CTF
import Glibc

/// What a stream of CTF 2 decodes to, in the form of the expected elements.
///
/// Texts end in `*`: what a decoder does not hand out, from the first NUL on, is in the expected ones too. Headers are
/// not shown to visitors; here they are read as payloads of programs made for that.
struct ElementLines {
    private(set) var lines: [String] = []
    private(set) var error: PacketError?

    private let traceClass: TraceClass
    private let program: TraceProgram
    private let bytes: [UInt8]

    init(_ traceClass: TraceClass, _ bytes: [UInt8]) throws {
        self.traceClass = traceClass
        self.bytes = bytes
        program = try TraceProgram(traceClass)
        var offset = 0
        var number = 0
        while offset < bytes.count, error == nil {
            let rest = Array(bytes[offset...])
            do throws(PacketError) {
                let preamble = try rest.withPacketBytes { packet throws(PacketError) in
                    try program.readPreamble(packet)
                }
                let count = preamble.totalBits.map { Int($0 / 8) } ?? rest.count
                let packet = Array(rest.prefix(count))
                try addPacket(packet, preamble, number)
                try addEvents(packet, preamble, number, isWhole: count <= rest.count)
                offset += count
            } catch {
                self.error = error
                // Offsets are counted from the stream's start.
                self.error?.positionBits += UInt64(offset) * 8
            }
            number += 1
        }
    }

    private func streamClass(_ preamble: PacketPreamble) -> StreamClass? {
        traceClass.streamClasses.first { $0.id == preamble.streamClassID }
    }

    // MARK: - Packets

    private mutating func addPacket(
        _ packet: [UInt8],
        _ preamble: PacketPreamble,
        _ number: Int
    ) throws(PacketError) {
        let context = streamClass(preamble)?.packetContext
        var members: [StructureClass.Member] = []
        for (name, root) in [("packet_header", traceClass.packetHeader), ("packet_context", context)] {
            guard let root else { continue }
            members.append(.init(name: name, metadataName: name, fieldClass: .structure(root)))
        }
        let texts = try Self.members(
            StructureClass(members: members),
            prefixes: [.packetHeader: ["packet_header"], .packetContext: ["packet_context"]],
            of: packet,
            at: 0
        )
        var line = "{\"packet\": \(number)"
        if let header = texts["packet_header"] { line += ", \"packet_header\": \(header)" }
        line += ", \"dst\": \(preamble.streamClassID)"
        if let id = preamble.streamInstanceID { line += ", \"stream_id\": \(id)" }
        if let context = texts["packet_context"] { line += ", \"packet_context\": \(context)" }
        let infos: [(String, UInt64?)] = [
            ("total", context?.hasTotalLength == true ? preamble.totalBits : nil),
            ("content", preamble.contentBits), ("discarded", preamble.discardedEvents),
        ]
        let info = infos.compactMap { name, value in value.map { "\"\(name)\": \($0)" } }.joined(separator: ", ")
        lines.append(line + ", \"info\": {\(info)}, \"clock\": null}")
    }

    private mutating func addEvents(
        _ packet: [UInt8],
        _ preamble: PacketPreamble,
        _ number: Int,
        isWhole: Bool
    ) throws(PacketError) {
        let contentBits = preamble.contentBits ?? UInt64(packet.count) * 8
        var keys = EventKeyBuffer(capacity: max(packet.count, 1))
        var scanCursor = preamble.firstEvent
        var failure: PacketError?
        do throws(PacketError) {
            let result = try packet.withPacketBytes { bytes throws(PacketError) in
                try program.scan(
                    bytes,
                    preamble: preamble,
                    contentBits: contentBits,
                    correctionNs: 0,
                    cursor: &scanCursor,
                    keys: &keys
                )
            }
            if result != .complete { failure = PacketError(.needsMoreBytes, atBits: scanCursor.positionBits) }
        } catch {
            failure = error
        }
        var visitor = ElementVisitor(program)
        var cursor = preamble.firstEvent
        let header = streamClass(preamble)?.eventHeader
        for _ in keys.keys {
            let start = cursor.positionBits
            try packet.withPacketBytes { bytes throws(PacketError) in
                try program.visitEvent(bytes, preamble: preamble, cursor: &cursor, visitor: &visitor)
            }
            var line = "{\"packet\": \(number), \"dst\": \(preamble.streamClassID), \"clock\": null"
            if let header {
                let root = StructureClass(members: [
                    .init(name: "h", metadataName: "h", fieldClass: .structure(header))
                ])
                let texts = try Self.members(root, prefixes: [.eventHeader: ["h"]], of: packet, at: start)
                line += ", \"header\": \(texts["h"] ?? "")"
            }
            let event = program.events[visitor.event].eventClass
            line += ", \"id\": \(event.id), \"name\": \"\(event.name)\""
            if let payload = visitor.scopes[.eventPayload] { line += ", \"payload\": \(payload)" }
            lines.append(line + "}")
        }
        guard let failure else { return }
        // Only the visitor asks for each field: where it stops is where the first one is that cannot be read.
        do throws(PacketError) {
            try packet.withPacketBytes { bytes throws(PacketError) in
                try program.visitEvent(bytes, preamble: preamble, cursor: &cursor, visitor: &visitor)
            }
        } catch {
            throw error
        }
        throw failure
    }

    // MARK: - Headers as payloads

    /// The texts of a structure's members, read at a place of a packet as an event's payload.
    private static func members(
        _ root: StructureClass,
        prefixes: [FieldScope: [String]],
        of packet: [UInt8],
        at positionBits: UInt64
    ) throws(PacketError) -> [String: String] {
        guard case .structure(let payload) = FieldClass.structure(root).moved(prefixes) else { return [:] }
        let stream = StreamClass(id: 0, eventClasses: [EventClass(id: 0, name: "", payload: payload)])
        guard let program = try? TraceProgram(TraceClass(streamClasses: [stream])) else { return [:] }
        var visitor = ElementVisitor(program)
        try packet.withPacketBytes { bytes throws(PacketError) in
            let preamble = try program.readPreamble(bytes)
            var cursor = EventCursor(positionBits: positionBits, clockCycles: 0)
            try program.visitEvent(bytes, preamble: preamble, cursor: &cursor, visitor: &visitor)
        }
        return visitor.rootMembers
    }

    // MARK: - Comparing

    /// Whether a line is the expected one, where `*` stands for the rest of a text from its first NUL on.
    static func matches(_ line: String, _ expected: String) -> Bool {
        let line = Array(line.utf8)
        let expected = Array(expected.utf8)
        var index = 0
        for byte in line {
            if byte == UInt8(ascii: "*") {
                let rest = expected[index...].prefix { $0 != UInt8(ascii: "\"") }
                guard rest.isEmpty || rest.starts(with: Array("00".utf8)) else { return false }
                index += rest.count
            } else {
                guard index < expected.count, expected[index] == byte else { return false }
                index += 1
            }
        }
        return index == expected.count
    }
}

extension StructureClass {
    /// Whether the packet's size is a member; it can also follow from the content's.
    fileprivate var hasTotalLength: Bool {
        members.contains { member in
            if case .integer(let integer) = member.fieldClass {
                integer.roles.contains(.packetTotalLength)
            } else {
                false
            }
        }
    }
}

extension FieldClass {
    /// The class, with locations as they are when each scope stands at a path of an event's payload.
    fileprivate func moved(_ prefixes: [FieldScope: [String]]) -> FieldClass {
        func moved(_ location: FieldLocation) -> FieldLocation {
            let prefix = prefixes[location.scope] ?? []
            return FieldLocation(
                scope: .eventPayload,
                path: prefix + location.path,
                otherPaths: location.otherPaths.map { prefix + $0 }
            )
        }
        func moved(_ length: ArrayClass.Length) -> ArrayClass.Length {
            if case .field(let location) = length { .field(moved(location)) } else { length }
        }
        switch self {
        case .integer(var integer):
            integer.roles = []
            return .integer(integer)
        case .float:
            return self
        case .string(var string):
            if case .field(let location) = string.length { string.length = .field(moved(location)) }
            return .string(string)
        case .blob(var blob):
            blob.length = moved(blob.length)
            return .blob(blob)
        case .structure(var structure):
            for index in structure.members.indices {
                structure.members[index].fieldClass = structure.members[index].fieldClass.moved(prefixes)
            }
            return .structure(structure)
        case .array(var array):
            array.element = array.element.moved(prefixes)
            array.length = moved(array.length)
            return .array(array)
        case .variant(var variant):
            variant.selector = moved(variant.selector)
            for index in variant.options.indices {
                variant.options[index].member.fieldClass = variant.options[index].member.fieldClass.moved(prefixes)
            }
            return .variant(variant)
        case .optional(var optional):
            optional.selector = moved(optional.selector)
            optional.element = optional.element.moved(prefixes)
            return .optional(optional)
        }
    }
}

/// Writes values as the expected elements do.
struct ElementVisitor: FieldVisitor {
    private(set) var event = 0
    private(set) var scopes: [FieldScope: String] = [:]
    /// The values of the members of the last scope's root.
    private(set) var rootMembers: [String: String] = [:]
    private let program: TraceProgram
    private var text = ""
    /// For each open compound: whether it has a value, and whether its values have names.
    private var nesting: [(hasValue: Bool, isNamed: Bool)] = []
    private var memberStart = ""
    private var memberName = ""

    init(_ program: TraceProgram) {
        self.program = program
    }

    mutating func beginEvent(_ event: Int, clockCycles: UInt64) {
        self.event = event
        scopes = [:]
    }
    mutating func endEvent() {}

    mutating func beginScope(_ scope: FieldScope) {
        text = "{"
        rootMembers = [:]
        nesting = [(false, true)]
    }
    mutating func endScope(_ scope: FieldScope) {
        text += "}"
        scopes[scope] = text
    }

    mutating func beginStructure(_ field: FieldID) { open("{", field, isNamed: true) }
    mutating func endStructure(_ field: FieldID) { close("}", field) }
    mutating func beginArray(_ field: FieldID, count: Int) { open("[", field, isNamed: false) }
    mutating func endArray(_ field: FieldID) { close("]", field) }
    // A variant or an optional is the value in it.
    mutating func beginVariant(_ field: FieldID, option: Int) { open("", field, isNamed: false) }
    mutating func endVariant(_ field: FieldID) { close("", field) }
    mutating func beginOptional(_ field: FieldID, isPresent: Bool) {
        open("", field, isNamed: false)
        if !isPresent { text += "null" }
    }
    mutating func endOptional(_ field: FieldID) { close("", field) }

    mutating func unsigned(_ value: UInt64, _ field: FieldID) {
        guard case .integer(let integer) = fieldClass(field) else { return }
        switch integer.meaning {
        case .boolean: show(value == 0 ? "false" : "true", field)
        case .bits where !integer.flags.isEmpty:
            let flags = integer.flags.filter { flag in
                flag.ranges.contains { range in
                    (range.lowerBits...min(range.upperBits, 63)).contains { value >> $0 & 1 == 1 }
                }
            }
            let names = flags.map { "\"\($0.label)\"" }.joined(separator: ", ")
            show("{\"bits\": \(value), \"flags\": [\(names)]}", field)
        case .bits, .number: show("\(value)", field)
        }
    }
    mutating func signed(_ value: Int64, _ field: FieldID) { show("\(value)", field) }
    mutating func float(_ value: Float, _ field: FieldID) { double(Double(value), field) }
    mutating func double(_ value: Double, _ field: FieldID) {
        var buffer = [CChar](repeating: 0, count: 64)
        let count = withVaList([value]) { vsnprintf(&buffer, buffer.count, "%g", $0) }
        show(String(decoding: buffer[..<Int(count)].map { UInt8(bitPattern: $0) }, as: UTF8.self), field)
    }
    mutating func text(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {
        show("{\"bytes\": \"\(Self.hexadecimal(bytes))*\"}", field)
    }
    mutating func blob(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {
        guard case .blob(let blob) = fieldClass(field) else { return }
        show("{\"blob\": \"\(Self.hexadecimal(bytes))\", \"media\": \"\(blob.mediaType)\"}", field)
    }

    private func fieldClass(_ field: FieldID) -> FieldClass { program.fields[Int(field.rawValue)].fieldClass }

    private static func hexadecimal(_ bytes: UnsafeRawBufferPointer) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private mutating func show(_ value: String, _ field: FieldID) {
        open(value, field, isNamed: false)
        close("", field)
    }

    private mutating func open(_ opening: String, _ field: FieldID, isNamed: Bool) {
        let last = nesting.count - 1
        if nesting[last].hasValue { text += ", " }
        nesting[last].hasValue = true
        let name = program.fields[Int(field.rawValue)].name
        if nesting[last].isNamed { text += "\"\(name)\": " }
        if last == 0 { (memberStart, memberName) = (text, name) }
        text += opening
        nesting.append((false, isNamed))
    }

    private mutating func close(_ closing: String, _ field: FieldID) {
        text += closing
        nesting.removeLast()
        if nesting.count == 1 { rootMembers[memberName] = String(text.dropFirst(memberStart.count)) }
    }
}
