/// A field class as a fragment declares it: locations are not resolved, and roles not looked at, as both depend on
/// where the class is used. Aliases are shared, and cost nothing until they are used.
final class CTF2FieldType: Sendable {
    indirect enum Kind: Sendable {
        /// Needs no other field: the class as it will be, with all roles that were given.
        case scalar(FieldClass)
        case text(TextEncoding, length: CTF2Location)
        case blob(mediaType: String, length: CTF2Location)
        case structure(CTF2Members, minimumAlignmentBits: UInt32)
        case array(CTF2FieldType, length: CTF2Length, minimumAlignmentBits: UInt32)
        case optional(CTF2FieldType, selector: CTF2Location, ranges: [CTF2Range]?)
        case variant([CTF2Option], selector: CTF2Location)
    }

    let kind: Kind
    /// Field classes inside of each other, this one counted.
    let depth: Int
    /// Fields, when all aliases have been put in place; saturates.
    let fieldCount: Int

    init(_ kind: Kind) {
        self.kind = kind
        let inner: [CTF2FieldType] =
            switch kind {
            case .scalar, .text, .blob: []
            case .structure(let members, _): members.list.map(\.type)
            case .array(let element, _, _), .optional(let element, _, _): [element]
            case .variant(let options, _): options.map(\.type)
            }
        depth = 1 + (inner.lazy.map(\.depth).max() ?? 0)
        fieldCount = inner.reduce(1) { sum, type in
            let (next, overflows) = sum.addingReportingOverflow(type.fieldCount)
            return overflows ? .max : next
        }
    }
}

/// The members of a structure; their names are unique.
struct CTF2Members: Sendable {
    struct Member: Sendable {
        var name: String
        var type: CTF2FieldType
    }

    private(set) var list: [Member] = []
    private(set) var indexByName: [ExactText: Int] = [:]

    /// Returns false when there is a member of this name already.
    mutating func append(_ name: String, _ type: CTF2FieldType) -> Bool {
        guard indexByName.updateValue(list.count, forKey: ExactText(name)) == nil else { return false }
        list.append(Member(name: name, type: type))
        return true
    }
}

struct CTF2Option: Sendable {
    var name: String?
    var ranges: [CTF2Range]
    var type: CTF2FieldType
}

enum CTF2Length: Sendable {
    case constant(UInt64)
    case field(CTF2Location)
}

/// Where another field stands, as the fragment writes it.
struct CTF2Location: Sendable {
    /// Nil: the structure around the field that needs the other one.
    var origin: FieldScope?
    /// Names of members; nil stands for the structure around.
    var path: [String?]
    var position: MetadataPosition

    /// As an error message shows it.
    var shown: String { path.map { $0 ?? "^" }.joined(separator: "/") }
}

/// A range of integers, signed or not.
struct CTF2Range: Sendable {
    var lower: Int128
    var upper: Int128

    /// The part of it that an integer can have; nil when there is none.
    func range(isSigned: Bool) -> IntegerRange? {
        let lower = max(lower, isSigned ? Int128(Int64.min) : 0)
        let upper = min(upper, isSigned ? Int128(Int64.max) : Int128(UInt64.max))
        guard lower <= upper else { return nil }
        return IntegerRange(
            lowerBits: UInt64(truncatingIfNeeded: lower),
            upperBits: UInt64(truncatingIfNeeded: upper)
        )
    }
}
