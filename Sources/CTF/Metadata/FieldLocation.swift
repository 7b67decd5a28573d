/// The six places of a packet that hold fields, in the order in which they are read.
@frozen @usableFromInline
package enum FieldScope: UInt8, Sendable, Equatable, CaseIterable {
    case packetHeader
    case packetContext
    case eventHeader
    case eventCommonContext
    case eventSpecificContext
    case eventPayload
}

/// Where an earlier field stands: a scope, and the members' metadata names from its root.
///
/// Arrays, sequences and optionals on the way add no name: the element being read is meant. A variant on the way adds
/// its option's metadata name. The field stands before the one that refers to it, so its value is known when it is
/// asked for.
package struct FieldLocation: Sendable, Hashable {
    package var scope: FieldScope
    package var path: [String]
    /// CTF 2: the same member in other options of the variants on the way. Of all these fields, the one that was read
    /// last counts.
    package var otherPaths: [[String]]

    package init(scope: FieldScope, path: [String], otherPaths: [[String]] = []) {
        self.scope = scope
        self.path = path
        self.otherPaths = otherPaths
    }
}

extension FieldClass {
    /// Where the length or selector stands that reading a field of this class needs.
    package var neededLocation: FieldLocation? {
        switch self {
        case .array(let array):
            if case .field(let location) = array.length { location } else { nil }
        case .string(let string):
            if case .field(let location) = string.length { location } else { nil }
        case .blob(let blob):
            if case .field(let location) = blob.length { location } else { nil }
        case .variant(let variant): variant.selector
        case .optional(let optional): optional.selector
        case .integer, .float, .structure: nil
        }
    }
}
