/// Turns the declared structure of a scope into field classes: locations, selector ranges and roles.
///
/// Aliases are put in place here, so this is where a small text can become large: the fields are counted before they
/// are made. Depth is bounded by that of the declared types.
struct CTF2FieldResolver {
    let limits: MetadataLimits
    /// The declared structures of the scopes that are known here.
    var roots: [FieldScope: CTF2FieldType]
    /// Whether the stream class has a clock that timestamps can update.
    let hasClock: Bool
    /// What `MetadataLimits.fieldsMax` still allows.
    private(set) var fieldsLeft: Int

    private(set) var scope = FieldScope.packetHeader
    private(set) var position = MetadataPosition()
    /// From the scope's root to the class that is being resolved.
    private(set) var path: [CTF2Step] = []

    init(limits: MetadataLimits, roots: [FieldScope: CTF2FieldType] = [:], hasClock: Bool, fieldsLeft: Int) {
        self.limits = limits
        self.roots = roots
        self.hasClock = hasClock
        self.fieldsLeft = fieldsLeft
    }

    /// Resolves the root structure of `scope`, which later scopes can refer to from then on.
    mutating func resolve(_ root: CTF2Root?, in scope: FieldScope) throws(MetadataError) -> StructureClass? {
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
        let structure = StructureClass(
            members: try resolved(members, of: root.type),
            minimumAlignmentBits: alignment
        )
        if scope == .packetHeader { try checkMagic(structure) }
        return structure
    }

    /// The magic number is where a packet begins, or nowhere.
    private func checkMagic(_ header: StructureClass) throws(MetadataError) {
        for (index, member) in header.members.enumerated() {
            guard case .integer(let integer) = member.fieldClass, integer.roles.contains(.packetMagicNumber)
            else { continue }
            guard index == 0 else { throw MetadataError(.magicNotFirst, at: position) }
            guard integer.sizeBits == 32, integer.isPlain else {
                throw MetadataError(.attributeValueInvalid, at: position, "the magic number has 32 bits")
            }
        }
    }

    mutating func charge(_ count: Int) throws(MetadataError) {
        guard count <= fieldsLeft else { throw MetadataError(.tooManyFields, at: position) }
        fieldsLeft -= count
    }

    // MARK: - Classes

    /// - Parameter name: the member's or option's; nil for what has none.
    private mutating func fieldClass(_ type: CTF2FieldType, named name: String?) throws(MetadataError) -> FieldClass {
        try charge(limits.fieldCost(named: name))
        switch type.kind {
        case .scalar(let fieldClass):
            return try withRoles(fieldClass)
        case .text(let encoding, let location):
            return .string(StringClass(encoding: encoding, length: .field(try length(location))))
        case .blob(let mediaType, let location):
            return .blob(BlobClass(length: .field(try length(location)), mediaType: mediaType))
        case .structure(let members, let alignment):
            return .structure(
                StructureClass(members: try resolved(members, of: type), minimumAlignmentBits: alignment)
            )
        case .array(let element, let length, let alignment):
            return .array(
                ArrayClass(
                    element: try inside(type, 0) { resolver throws(MetadataError) in
                        try resolver.fieldClass(element, named: nil)
                    },
                    length: try resolved(length),
                    minimumAlignmentBits: alignment
                )
            )
        case .optional(let element, let location, let ranges):
            let selector = try selector(location, ranges: ranges)
            return .optional(
                OptionalClass(
                    element: try inside(type, 0) { resolver throws(MetadataError) in
                        try resolver.fieldClass(element, named: nil)
                    },
                    selector: selector.location,
                    selectorIsSigned: selector.isSigned,
                    selectorRanges: selector.ranges
                )
            )
        case .variant(let options, let location):
            return .variant(try variant(options, location, of: type))
        }
    }

    /// Resolves what is inside of a compound.
    private mutating func inside<T>(
        _ container: CTF2FieldType,
        _ index: Int,
        _ body: (inout CTF2FieldResolver) throws(MetadataError) -> T
    ) throws(MetadataError) -> T {
        path.append(CTF2Step(container: container, index: index))
        let result = try body(&self)
        path.removeLast()
        return result
    }

    private mutating func resolved(
        _ members: CTF2Members,
        of type: CTF2FieldType
    ) throws(MetadataError) -> [StructureClass.Member] {
        var result: [StructureClass.Member] = []
        result.reserveCapacity(members.list.count)
        for (index, member) in members.list.enumerated() {
            let fieldClass = try inside(type, index) { resolver throws(MetadataError) in
                try resolver.fieldClass(member.type, named: member.name)
            }
            result.append(
                StructureClass.Member(name: member.name, metadataName: member.name, fieldClass: fieldClass)
            )
        }
        return result
    }

    private mutating func variant(
        _ options: [CTF2Option],
        _ location: CTF2Location,
        of type: CTF2FieldType
    ) throws(MetadataError) -> VariantClass {
        let selector = try selector(location, ranges: [])
        var result = VariantClass(
            selector: selector.location,
            selectorIsSigned: selector.isSigned,
            options: []
        )
        for (index, option) in options.enumerated() {
            let fieldClass = try inside(type, index) { resolver throws(MetadataError) in
                try resolver.fieldClass(option.type, named: option.name)
            }
            // One is paid for by the option itself.
            try charge(option.ranges.count - 1)
            result.options.append(
                VariantClass.Option(
                    member: StructureClass.Member(
                        name: option.name ?? "",
                        // Options need not have names; locations tell them by their numbers.
                        metadataName: CTF2Step.optionName(index),
                        fieldClass: fieldClass
                    ),
                    selectorRanges: option.ranges.compactMap { $0.range(isSigned: selector.isSigned) }
                )
            )
        }
        return result
    }

    private mutating func resolved(_ length: CTF2Length) throws(MetadataError) -> ArrayClass.Length {
        switch length {
        case .constant(let count): .constant(count)
        case .field(let location): .field(try self.length(location))
        }
    }

    // MARK: - Roles

    private static let rolesByScope: [FieldScope: FieldRoles] = [
        .packetHeader: [.packetMagicNumber, .metadataStreamUUID, .streamClassID, .streamInstanceID],
        .packetContext: [
            .packetTotalLength, .packetContentLength, .packetSequenceNumber, .packetEndTimestamp,
            .discardedEventCounter, .defaultClockTimestamp,
        ],
        .eventHeader: [.eventRecordClassID, .defaultClockTimestamp],
    ]

    /// The class with those of its roles that mean something in this scope.
    private func withRoles(_ fieldClass: FieldClass) throws(MetadataError) -> FieldClass {
        var roles = Self.rolesByScope[scope] ?? []
        if !hasClock { roles.subtract([.defaultClockTimestamp, .packetEndTimestamp]) }
        switch fieldClass {
        case .integer(var integer):
            integer.roles.formIntersection(roles)
            return .integer(integer)
        case .blob(var blob):
            blob.roles.formIntersection(roles)
            if blob.roles.contains(.metadataStreamUUID), blob.length != .constant(16) {
                throw MetadataError(.attributeValueInvalid, at: position, "a UUID has 16 bytes")
            }
            return .blob(blob)
        default:
            return fieldClass
        }
    }
}

/// The root of a scope, and where it is declared.
struct CTF2Root: Sendable {
    var type: CTF2FieldType
    var position: MetadataPosition
}
