import CTF
import Glibc

/// What a whole stored trace decodes to.
struct StoredTraceEvents {
    /// One JSON object an event, in the form of the expected files, without the stream's number.
    var lines: [String] = []
    /// What ended a stream too early.
    var errors: [PacketError] = []
    var scannedCount = 0

    /// Decodes all streams of a trace.
    init(_ name: String, _ traceClass: TraceClass, rendersLines: Bool = true) throws {
        let program = try TraceProgram(traceClass)
        let path = (StoredTraces.folder ?? "") + "/traces/" + name
        for file in Self.files(path).sorted() where file != "metadata" {
            guard let bytes = StoredTraces.read(path + "/" + file) else { continue }
            do throws(PacketError) {
                try decode(bytes, program, rendersLines: rendersLines)
            } catch {
                errors.append(error)
            }
        }
    }

    private mutating func decode(
        _ bytes: [UInt8],
        _ program: TraceProgram,
        rendersLines: Bool
    ) throws(PacketError) {
        var offset = 0
        while offset < bytes.count {
            let rest = Array(bytes[offset...])
            let preamble = try rest.withPacketBytes { packet throws(PacketError) in try program.readPreamble(packet) }
            let packetBytes = preamble.totalBits.map { Int($0 / 8) } ?? rest.count
            let packet = Array(rest.prefix(packetBytes))
            let contentBits = preamble.contentBits ?? UInt64(packet.count) * 8
            try decode(packet, preamble, contentBits: contentBits, program, rendersLines: rendersLines)
            offset += packetBytes
        }
    }

    private mutating func decode(
        _ packet: [UInt8],
        _ preamble: PacketPreamble,
        contentBits: UInt64,
        _ program: TraceProgram,
        rendersLines: Bool
    ) throws(PacketError) {
        var keys = EventKeyBuffer(capacity: max(packet.count, 1))
        var cursor = preamble.firstEvent
        var failure: PacketError?
        do throws(PacketError) {
            let result = try packet.withPacketBytes { bytes throws(PacketError) in
                try program.scan(
                    bytes,
                    preamble: preamble,
                    contentBits: contentBits,
                    correctionNs: 0,
                    cursor: &cursor,
                    keys: &keys
                )
            }
            // The file ends before the packet does.
            if result != .complete { failure = PacketError(.needsMoreBytes, atBits: cursor.positionBits) }
        } catch {
            failure = error
        }
        scannedCount += keys.count
        if rendersLines {
            try packet.withPacketBytes { bytes throws(PacketError) in
                var visitor = ExpectedLineVisitor(program)
                try program.visitPacketContext(bytes, preamble: preamble, visitor: &visitor)
                var cursor = preamble.firstEvent
                for key in keys.keys {
                    visitor.timestampNs = key.timestampNs
                    try program.visitEvent(bytes, preamble: preamble, cursor: &cursor, visitor: &visitor)
                }
                lines += visitor.lines
            }
        }
        if let failure { throw failure }
    }

    private static func files(_ path: String) -> [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            guard entry.pointee.d_type == UInt8(DT_REG) else { continue }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names
    }
}

/// Writes events as the expected files do.
struct ExpectedLineVisitor: FieldVisitor {
    private(set) var lines: [String] = []
    var timestampNs: Int64 = 0
    private let program: TraceProgram
    private var text = ""
    private var context = "null"
    private var scopes: [FieldScope: String] = [:]
    private var head = ""
    /// Whether a value at this depth is not the first, and whether it stands in an array.
    private var nesting: [(hasValue: Bool, isArray: Bool)] = []
    private var optionDepth = 0

    init(_ program: TraceProgram) {
        self.program = program
    }

    mutating func beginEvent(_ event: Int, clockCycles: UInt64) {
        let entry = program.events[event]
        let trace = program.traceClass
        scopes = [:]
        let time =
            entry.clock == nil ? "\"ns\":null,\"cycles\":null" : "\"ns\":\(timestampNs),\"cycles\":\(clockCycles)"
        var host = "null"
        if case .text(let name)? = trace.environmentValue("hostname") { host = Self.quoted(name) }
        head =
            "{\(time),\"name\":\(Self.quoted(entry.eventClass.name)),\"id\":\(entry.eventClass.id),"
            + "\"loglevel\":\(entry.eventClass.logLevel.map { "\($0)" } ?? "null"),"
            + "\"trace\":\(trace.uuid.map { "\"\($0)\"" } ?? "null"),\"host\":\(host),\"sc\":\(entry.streamClassID),"
    }

    mutating func endEvent() {
        lines.append(
            head + "\"pkt\":\(context),\"common\":\(scopes[.eventCommonContext] ?? "null"),"
                + "\"specific\":\(scopes[.eventSpecificContext] ?? "null"),"
                + "\"fields\":\(scopes[.eventPayload] ?? "null")}"
        )
    }

    mutating func beginScope(_ scope: FieldScope) {
        text = ""
        open("{", isArray: false)
    }

    mutating func endScope(_ scope: FieldScope) {
        close("}")
        if scope == .packetContext {
            context = text == "{}" ? "null" : text
        } else {
            scopes[scope] = text
        }
    }

    mutating func beginStructure(_ field: FieldID) {
        name(field)
        open("{", isArray: false)
    }
    mutating func endStructure(_ field: FieldID) { close("}") }
    mutating func beginArray(_ field: FieldID, count: Int) {
        name(field)
        open("[", isArray: true)
    }
    mutating func endArray(_ field: FieldID) { close("]") }
    // A variant is the value of its option.
    mutating func beginVariant(_ field: FieldID, option: Int) {
        name(field)
        optionDepth += 1
    }
    mutating func endVariant(_ field: FieldID) {}
    mutating func beginOptional(_ field: FieldID, isPresent: Bool) {
        name(field)
        if isPresent { optionDepth += 1 } else { text += "null" }
    }
    mutating func endOptional(_ field: FieldID) {}
    mutating func blob(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {
        name(field)
        text += "\"\(bytes.map { String($0, radix: 16) }.joined(separator: " "))\""
    }

    mutating func unsigned(_ value: UInt64, _ field: FieldID) { integer("\(value)", value, field) }
    mutating func signed(_ value: Int64, _ field: FieldID) { integer("\(value)", UInt64(bitPattern: value), field) }
    mutating func float(_ value: Float, _ field: FieldID) { double(Double(value), field) }
    mutating func double(_ value: Double, _ field: FieldID) {
        name(field)
        text += value.description
    }
    mutating func text(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {
        name(field)
        text += Self.quoted(String(decoding: bytes, as: UTF8.self))
    }

    private mutating func integer(_ shown: String, _ bits: UInt64, _ field: FieldID) {
        name(field)
        guard case .integer(let integer) = program.fields[Int(field.rawValue)].fieldClass,
            let mappings = integer.mappings
        else {
            text += shown
            return
        }
        let labels = mappings.filter { mapping in
            mapping.ranges.contains { $0.contains(bits, isSigned: integer.isSigned) }
        }
        text += "{\"v\":\(shown),\"labels\":[\(labels.map { Self.quoted($0.label) }.joined(separator: ","))]}"
    }

    private mutating func open(_ bracket: String, isArray: Bool) {
        text += bracket
        nesting.append((false, isArray))
    }

    private mutating func close(_ bracket: String) {
        text += bracket
        nesting.removeLast()
    }

    private mutating func name(_ field: FieldID) {
        if optionDepth > 0 {
            // The option's own name is not shown.
            optionDepth -= 1
            return
        }
        guard let last = nesting.indices.last else { return }
        if nesting[last].hasValue { text += "," }
        nesting[last].hasValue = true
        if !nesting[last].isArray { text += Self.quoted(program.fields[Int(field.rawValue)].name) + ":" }
    }

    static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\t": quoted += "\\t"
            case "\r": quoted += "\\r"
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
