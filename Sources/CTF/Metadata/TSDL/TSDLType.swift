/// A field class as the text declares it: byte order, clock and locations are not resolved yet.
///
/// What a location finds, and what `native` means, depends on where the class is used. So the declared tree stays apart
/// from `FieldClass`; named types are shared in it, and cost nothing until they are used.
final class TSDLType: Sendable {
    indirect enum Kind: Sendable {
        case integer(TSDLInteger)
        case enumeration(TSDLEnumeration)
        case float(sizeBits: UInt32, alignmentBits: UInt32, byteOrder: ByteOrder?)
        case string(TextEncoding)
        case structure(TSDLMembers, minimumAlignmentBits: UInt32)
        /// Without a tag it can only be named, and be given one where it is used.
        case variant(TSDLMembers, tag: TSDLLocation?)
        case array(TSDLType, length: TSDLLength)
    }

    let kind: Kind
    /// Field classes inside of each other, this one counted.
    let depth: Int
    /// Fields, when everything that it names has been put in place; saturates.
    let fieldCount: Int

    init(_ kind: Kind) {
        self.kind = kind
        switch kind {
        case .integer, .enumeration, .float, .string:
            (depth, fieldCount) = (1, 1)
        case .structure(let members, _), .variant(let members, _):
            (depth, fieldCount) = (members.depth + 1, Self.sum(members.fieldCount, 1))
        case .array(let element, _):
            (depth, fieldCount) = (element.depth + 1, Self.sum(element.fieldCount, 1))
        }
    }

    static func sum(_ left: Int, _ right: Int) -> Int {
        let (sum, overflows) = left.addingReportingOverflow(right)
        return overflows ? .max : sum
    }
}

struct TSDLInteger: Sendable {
    var sizeBits: UInt32 = 0
    var alignmentBits: UInt32 = 1
    var isSigned = false
    /// Nil stands for the trace's.
    var byteOrder: ByteOrder?
    var displayBase: UInt8 = 10
    var encoding: TextEncoding?
    /// The clock whose value it holds (`map = clock.NAME.value`).
    var clockName: String?
}

struct TSDLEnumeration: Sendable {
    var integer: TSDLInteger
    var mappings: [EnumerationMapping]
    /// Index of each label in `mappings`.
    var indexByLabel: [ExactText: Int]
}

/// The members of a structure, or the options of a variant.
struct TSDLMembers: Sendable {
    struct Member: Sendable {
        /// The name as readers show it: one leading underscore less than in the text.
        var name: String
        var metadataName: String
        var type: TSDLType
    }

    private(set) var list: [Member] = []
    /// Index in `list` by metadata name.
    private(set) var indexByName: [String: Int] = [:]
    private(set) var depth = 0
    private(set) var fieldCount = 0

    /// Returns false when there is a member of this name already.
    mutating func append(name metadataName: String, _ type: TSDLType) -> Bool {
        guard indexByName.updateValue(list.count, forKey: metadataName) == nil else { return false }
        let name = metadataName.hasPrefix("_") ? String(metadataName.dropFirst()) : metadataName
        list.append(Member(name: name, metadataName: metadataName, type: type))
        depth = max(depth, type.depth)
        fieldCount = TSDLType.sum(fieldCount, type.fieldCount)
        return true
    }
}

enum TSDLLength: Sendable {
    case constant(UInt64)
    /// The value of an entry of the environment.
    case environment(String, MetadataPosition)
    case field(TSDLLocation)
}

/// Where another field stands, as the text writes it.
struct TSDLLocation: Sendable {
    var names: [String]
    var position: MetadataPosition
}

/// The name of a type; those of each kind are apart.
struct TSDLTypeName: Sendable {
    enum Kind: Sendable {
        /// Of `typedef` and `typealias`; the words of a name are joined by blanks.
        case alias
        case structure
        case variant
        case enumeration
    }

    var kind: Kind
    var name: String

    init(_ kind: Kind, _ name: String) {
        self.kind = kind
        self.name = name
    }

    /// As the text writes it.
    var shown: String {
        switch kind {
        case .alias: name
        case .structure: "struct " + name
        case .variant: "variant " + name
        case .enumeration: "enum " + name
        }
    }
}

/// The names of types that a block has declared.
struct TSDLScope: Sendable {
    private var aliases: [String: TSDLType] = [:]
    private var structures: [String: TSDLType] = [:]
    private var variants: [String: TSDLType] = [:]
    private var enumerations: [String: TSDLType] = [:]

    subscript(name: TSDLTypeName) -> TSDLType? {
        get {
            switch name.kind {
            case .alias: aliases[name.name]
            case .structure: structures[name.name]
            case .variant: variants[name.name]
            case .enumeration: enumerations[name.name]
            }
        }
        set {
            switch name.kind {
            case .alias: aliases[name.name] = newValue
            case .structure: structures[name.name] = newValue
            case .variant: variants[name.name] = newValue
            case .enumeration: enumerations[name.name] = newValue
            }
        }
    }
}
