/// Turns the declared structure of a scope into field classes: byte orders, locations, selector ranges, clocks and
/// roles.
///
/// Named types are put in place here, so this is where a small text can become large: the fields are counted before
/// they are made. Depth is bounded by that of the declared types.
struct TSDLFieldResolver {
    let limits: MetadataLimits
    let byteOrder: ByteOrder
    let environment: [String: EnvironmentEntry.Value]
    /// The declared structures of the scopes that are known here.
    var roots: [FieldScope: TSDLType]
    /// The trace's clocks; one is added where timestamps have none.
    var clocks: [ClockClass]
    /// Index of the clock that the stream class's fields are mapped to so far.
    var defaultClock: Int?
    /// What `MetadataLimits.fieldsMax` still allows.
    var fieldsLeft: Int

    private(set) var scope = FieldScope.packetHeader
    private var position = MetadataPosition()
    /// From the scope's root to the class that is being resolved.
    private(set) var path: [TSDLStep] = []

    init(
        limits: MetadataLimits,
        byteOrder: ByteOrder,
        environment: [String: EnvironmentEntry.Value],
        roots: [FieldScope: TSDLType] = [:],
        clocks: [ClockClass],
        defaultClock: Int? = nil,
        fieldsLeft: Int
    ) {
        self.limits = limits
        self.byteOrder = byteOrder
        self.environment = environment
        self.roots = roots
        self.clocks = clocks
        self.defaultClock = defaultClock
        self.fieldsLeft = fieldsLeft
    }

    /// Resolves the root structure of `scope`, which later scopes can refer to from then on.
    mutating func resolve(_ root: TSDLRoot?, in scope: FieldScope) throws(MetadataError) -> StructureClass? {
        guard let root else { return nil }
        guard case .structure(let members, let alignment) = root.type.kind else {
            throw MetadataError(.notAStructure, at: root.position)
        }
        guard root.type.fieldCount <= limits.fieldsPerScopeMax else {
            throw MetadataError(.tooManyFields, at: root.position)
        }
        self.scope = scope
        position = root.position
        path = []
        roots[scope] = root.type
        let structure = try structure(members, minimumAlignmentBits: alignment, of: root.type)
        if scope == .packetHeader { try checkMagic(structure) }
        return structure
    }

    /// The magic number is where a packet begins, or nowhere.
    private func checkMagic(_ header: StructureClass) throws(MetadataError) {
        for (index, member) in header.members.enumerated() where member.name == "magic" {
            if case .integer = member.fieldClass, index > 0 { throw MetadataError(.magicNotFirst, at: position) }
        }
    }

    mutating func charge(_ count: Int) throws(MetadataError) {
        guard count <= fieldsLeft else { throw MetadataError(.tooManyFields, at: position) }
        fieldsLeft -= count
    }

    // MARK: - Classes

    /// - Parameter name: the member's or option's, as readers show it; nil for an array's element.
    private mutating func fieldClass(_ type: TSDLType, named name: String?) throws(MetadataError) -> FieldClass {
        try charge(limits.fieldCost(named: name))
        switch type.kind {
        case .integer(let integer):
            return .integer(try resolved(integer, named: name))
        case .enumeration(let enumeration):
            var integer = try resolved(enumeration.integer, named: name)
            integer.mappings = enumeration.mappings
            return .integer(integer)
        case .float(let sizeBits, let alignmentBits, let order):
            return .float(
                FloatClass(sizeBits: sizeBits, alignmentBits: alignmentBits, byteOrder: order ?? byteOrder)
            )
        case .string(let encoding):
            return .string(StringClass(encoding: encoding))
        case .structure(let members, let alignment):
            return .structure(try structure(members, minimumAlignmentBits: alignment, of: type))
        case .variant(let options, let tag):
            return .variant(try variant(options, tag: tag, of: type))
        case .array(let element, let length):
            return .array(try array(of: element, length, type: type, named: name))
        }
    }

    private mutating func structure(
        _ members: TSDLMembers,
        minimumAlignmentBits: UInt32,
        of type: TSDLType
    ) throws(MetadataError) -> StructureClass {
        StructureClass(members: try resolved(members, of: type), minimumAlignmentBits: minimumAlignmentBits)
    }

    private mutating func resolved(
        _ members: TSDLMembers,
        of type: TSDLType
    ) throws(MetadataError) -> [StructureClass.Member] {
        var result: [StructureClass.Member] = []
        result.reserveCapacity(members.list.count)
        var names: Set<String> = []
        path.append(TSDLStep(container: type, index: 0))
        for (index, member) in members.list.enumerated() {
            guard names.insert(member.name).inserted else {
                throw MetadataError(
                    .duplicateName,
                    at: position,
                    "`\(member.name)`, one of them with a leading underscore"
                )
            }
            path[path.count - 1].index = index
            result.append(
                StructureClass.Member(
                    name: member.name,
                    metadataName: member.metadataName,
                    fieldClass: try fieldClass(member.type, named: member.name)
                )
            )
        }
        path.removeLast()
        return result
    }

    private mutating func array(
        of element: TSDLType,
        _ length: TSDLLength,
        type: TSDLType,
        named name: String?
    ) throws(MetadataError) -> ArrayClass {
        let resolvedLength: ArrayClass.Length
        switch length {
        case .constant(let count):
            resolvedLength = .constant(count)
        case .environment(let key, let keyPosition):
            guard let entry = environment[key] else {
                throw MetadataError(
                    .environmentEntryNotFound,
                    at: keyPosition,
                    "`\(key)`",
                    missing: .environmentEntry(key)
                )
            }
            guard case .integer(let value) = entry, let count = UInt64(exactly: value) else {
                throw MetadataError(.locationInvalid, at: keyPosition, "`env.\(key)`")
            }
            guard count <= limits.arrayLengthMax else { throw MetadataError(.arrayTooLong, at: keyPosition) }
            resolvedLength = .constant(count)
        case .field(let location):
            let (target, targetLocation) = try find(location)
            switch target.kind {
            case .integer(let integer) where !integer.isSigned: break
            case .enumeration(let enumeration) where !enumeration.integer.isSigned: break
            default: throw invalid(location, "is no unsigned integer")
            }
            resolvedLength = .field(targetLocation)
        }
        path.append(TSDLStep(container: type, index: 0))
        let elementClass = try fieldClass(element, named: nil)
        path.removeLast()
        var result = ArrayClass(element: elementClass, length: resolvedLength)
        if scope == .packetHeader, name == "uuid", path.count == 1, Self.isUUID(result) {
            result.roles = .metadataStreamUUID
        }
        return result
    }

    private static func isUUID(_ array: ArrayClass) -> Bool {
        guard array.length == .constant(16), case .integer(let element) = array.element else { return false }
        return element.sizeBits == 8 && element.alignmentBits == 8 && !element.isSigned
    }

    private mutating func variant(
        _ options: TSDLMembers,
        tag: TSDLLocation?,
        of type: TSDLType
    ) throws(MetadataError) -> VariantClass {
        guard let tag else { throw MetadataError(.variantWithoutTag, at: position) }
        let (target, location) = try find(tag)
        guard case .enumeration(let enumeration) = target.kind else { throw invalid(tag, "is no enumeration") }
        // Labels are told by the names of the text, underscores and all. An option without label is never chosen.
        let members = try resolved(options, of: type)
        var result = VariantClass(selector: location, selectorIsSigned: enumeration.integer.isSigned, options: [])
        for member in members {
            let index = enumeration.indexByLabel[ExactText(member.metadataName)]
            let ranges = index.map { enumeration.mappings[$0].ranges } ?? []
            // One is paid for by the option itself.
            try charge(max(ranges.count - 1, 0))
            result.options.append(VariantClass.Option(member: member, selectorRanges: ranges))
        }
        return result
    }

    // MARK: - Integers, clocks and roles

    private mutating func resolved(
        _ integer: TSDLInteger,
        named name: String?
    ) throws(MetadataError) -> IntegerClass {
        var result = IntegerClass(
            sizeBits: integer.sizeBits,
            alignmentBits: integer.alignmentBits,
            isSigned: integer.isSigned,
            byteOrder: integer.byteOrder ?? byteOrder,
            displayBase: integer.displayBase,
            encoding: integer.encoding
        )
        let isMapped = try mapToClock(integer, named: name)
        guard !integer.isSigned else { return result }
        if let name { result.roles = role(of: integer, named: name) }
        // The end of a packet is announced at its beginning: it says nothing of the clock yet.
        if isMapped, !result.roles.contains(.packetEndTimestamp) { result.roles.insert(.defaultClockTimestamp) }
        return result
    }

    /// The role that a member's name gives it in this scope.
    private func role(of integer: TSDLInteger, named name: String) -> FieldRoles {
        // The option of a variant has a name, but is no member.
        if case .variant? = path.last?.container.kind { return [] }
        switch (scope, name) {
        case (.packetHeader, "magic"):
            return path.count == 1 && path[0].index == 0 && integer.sizeBits == 32 ? .packetMagicNumber : []
        case (.packetHeader, "stream_id"): return .streamClassID
        case (.packetHeader, "stream_instance_id"): return .streamInstanceID
        case (.packetContext, "packet_size"): return .packetTotalLength
        case (.packetContext, "content_size"): return .packetContentLength
        case (.packetContext, "packet_seq_num"): return .packetSequenceNumber
        case (.packetContext, "events_discarded"): return .discardedEventCounter
        case (.packetContext, "timestamp_end"): return .packetEndTimestamp
        case (.eventHeader, "id"): return .eventRecordClassID
        default: return []
        }
    }

    /// The index of the clock of that name, which is that of the stream class's other fields, or an error follows.
    private func find(_ clockName: String) throws(MetadataError) -> Int {
        let name = ExactText(clockName)
        if let known = defaultClock, ExactText(clocks[known].name) == name { return known }
        guard let index = clocks.firstIndex(where: { ExactText($0.name) == name }) else {
            throw MetadataError(.clockNotFound, at: position, "`\(clockName)`", missing: .clock(clockName))
        }
        return index
    }

    /// Finds the clock that a field holds the value of.
    /// - Returns: whether there is one.
    private mutating func mapToClock(_ integer: TSDLInteger, named name: String?) throws(MetadataError) -> Bool {
        let clock: Int
        if let clockName = integer.clockName {
            guard scope != .packetHeader else { throw MetadataError(.clockInPacketHeader, at: position) }
            clock = try find(clockName)
        } else {
            switch (scope, name) {
            case (.packetContext, "timestamp_begin"), (.packetContext, "timestamp_end"), (.eventHeader, "timestamp"):
                break
            default:
                return false
            }
            guard clocks.count <= 1 else {
                throw MetadataError(.severalClocks, at: position, "`\(name ?? "")` does not say which")
            }
            if clocks.isEmpty { clocks.append(ClockClass(name: "default")) }
            clock = 0
        }
        guard defaultClock == nil || defaultClock == clock else { throw MetadataError(.severalClocks, at: position) }
        defaultClock = clock
        return true
    }
}
