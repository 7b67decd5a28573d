/// The blocks of the top level: trace, env, clock, stream, event, callsite.
extension TSDLParser {
    /// One entry of a block: an attribute, or a type that is assigned to a name.
    private enum Entry {
        case value(TSDLAttribute)
        case type(String, TSDLRoot)
    }

    /// `WORD { … }`: hands each entry to `body`. Attributes can be given once; names of types are declared on the way.
    private mutating func parseBlock(
        _ body: (Entry) throws(MetadataError) -> Void
    ) throws(MetadataError) {
        try advance()
        try expect(.leftBrace)
        try inScope { parser throws(MetadataError) in
            var names: Set<String> = []
            while try !parser.accept(.rightBrace) {
                if parser.isAt(word: "typedef") || parser.isAt(word: "typealias") {
                    try parser.parseTypeName()
                    continue
                }
                try parser.charge()
                let position = parser.token.position
                let entry = try parser.parseEntry()
                let name =
                    switch entry {
                    case .value(let attribute): attribute.name
                    case .type(let name, _): name
                    }
                guard names.insert(name).inserted || !TSDLAttribute.known.contains(name) else {
                    throw MetadataError(.duplicateAttribute, at: position, "`\(name)`")
                }
                try body(entry)
            }
        }
    }

    private mutating func parseEntry() throws(MetadataError) -> Entry {
        let position = token.position
        let name = try takePath().joined(separator: ".")
        let entry: Entry
        if try accept(.assignType) {
            let typePosition = token.position
            entry = .type(name, TSDLRoot(type: try parseType(), position: typePosition))
        } else {
            guard isAt(.equal) else { throw unexpected("`=` or `:=`") }
            try advance()
            entry = .value(TSDLAttribute(name: name, value: try takeValue(), position: position))
        }
        try expect(.semicolon)
        return entry
    }

    // MARK: - Trace and environment

    mutating func parseTrace() throws(MetadataError) -> TSDLTrace {
        let position = token.position
        var versions: [UInt64?] = [nil, nil]
        var order: ByteOrder?
        var trace = TSDLTrace(position: position, byteOrder: .littleEndian)
        try parseBlock { entry throws(MetadataError) in
            switch entry {
            case .value(let attribute) where attribute.name == "major" || attribute.name == "minor":
                let index = attribute.name == "major" ? 0 : 1
                versions[index] = try attribute.unsigned()
                guard versions[index] == [1, 8][index] else { throw attribute.invalid() }
            case .value(let attribute) where attribute.name == "uuid":
                trace.uuid = try attribute.uuid()
            case .value(let attribute) where attribute.name == "byte_order":
                guard let value = try attribute.byteOrder() else { throw attribute.invalid() }
                order = value
            case .type("packet.header", let root):
                trace.packetHeader = root
            case .value, .type:
                break
            }
        }
        guard versions[0] != nil else { throw MetadataError(.attributeMissing, at: position, "`major`") }
        guard versions[1] != nil else { throw MetadataError(.attributeMissing, at: position, "`minor`") }
        guard let order else { throw MetadataError(.attributeMissing, at: position, "`byte_order`") }
        trace.byteOrder = order
        return trace
    }

    mutating func parseEnvironment() throws(MetadataError) -> [EnvironmentEntry] {
        try withEnvironmentStrings { parser throws(MetadataError) in
            var entries: [EnvironmentEntry] = []
            try parser.advance()
            try parser.expect(.leftBrace)
            while try !parser.accept(.rightBrace) {
                try parser.charge()
                let position = parser.token.position
                let name = try parser.takePath().joined(separator: ".")
                try parser.expect(.equal)
                let attribute = TSDLAttribute(name: name, value: try parser.takeValue(), position: position)
                try parser.expect(.semicolon)
                switch attribute.value {
                case .string(let text), .word(let text):
                    entries.append(EnvironmentEntry(name: name, value: .text(text)))
                case .integer(let number):
                    // What fits in 64 bits without sign only is kept as those bits.
                    entries.append(EnvironmentEntry(name: name, value: .integer(Int64(bitPattern: number.bits))))
                }
            }
            return entries
        }
    }

    // MARK: - Clock

    mutating func parseClock() throws(MetadataError) -> ClockClass {
        let position = token.position
        var clock = ClockClass(name: "")
        var isNamed = false
        try parseBlock { entry throws(MetadataError) in
            guard case .value(let attribute) = entry else { return }
            switch attribute.name {
            case "name":
                clock.name = try attribute.text()
                isNamed = true
            case "uuid":
                clock.uuid = try attribute.uuid()
            case "description":
                guard case .string(let text) = attribute.value else { throw attribute.invalid() }
                clock.description = text
            case "freq":
                clock.frequencyHz = try attribute.unsigned()
                guard clock.frequencyHz > 0, clock.frequencyHz < .max else { throw attribute.invalid() }
            case "precision":
                clock.precisionCycles = try attribute.unsigned()
            case "offset_s":
                clock.offsetSeconds = try attribute.signed()
            case "offset":
                clock.offsetCycles = try attribute.unsigned()
            case "absolute":
                clock.originIsUnixEpoch = try attribute.boolean()
            default:
                break
            }
        }
        guard isNamed else { throw MetadataError(.attributeMissing, at: position, "`name`") }
        guard clock.name.utf8.count <= limits.nameBytesMax else { throw MetadataError(.nameTooLong, at: position) }
        return clock
    }

    // MARK: - Stream and event

    mutating func parseStream() throws(MetadataError) -> TSDLStream {
        var stream = TSDLStream(position: token.position)
        try parseBlock { entry throws(MetadataError) in
            switch entry {
            case .value(let attribute) where attribute.name == "id":
                stream.id = try attribute.unsigned()
            case .type("packet.context", let root):
                stream.packetContext = root
            case .type("event.header", let root):
                stream.eventHeader = root
            case .type("event.context", let root):
                stream.eventCommonContext = root
            case .value, .type:
                break
            }
        }
        return stream
    }

    mutating func parseEvent() throws(MetadataError) -> TSDLEvent {
        let position = token.position
        var event = TSDLEvent(position: position, name: "")
        var isNamed = false
        try parseBlock { entry throws(MetadataError) in
            switch entry {
            case .type("context", let root):
                event.specificContext = root
            case .type("fields", let root):
                event.payload = root
            case .type:
                break
            case .value(let attribute):
                switch attribute.name {
                case "name":
                    event.name = try attribute.text()
                    isNamed = true
                case "id":
                    event.id = try attribute.unsigned()
                case "stream_id":
                    event.streamID = try attribute.unsigned()
                case "loglevel":
                    event.logLevel = try attribute.signed()
                case "model.emf.uri":
                    let text = try attribute.text()
                    event.emfURI = text.isEmpty ? nil : text
                default:
                    break
                }
            }
        }
        guard isNamed else { throw MetadataError(.attributeMissing, at: position, "`name`") }
        return event
    }

    /// A callsite says where in the source an event is; nobody needs it.
    mutating func skipCallsite() throws(MetadataError) {
        try parseBlock { _ throws(MetadataError) in }
    }
}
