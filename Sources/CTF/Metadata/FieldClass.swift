/// The field classes of a trace: an immutable tree that metadata text is turned into and programs are compiled from.
///
/// The tree is that of CTF 2, of which CTF 1.8 is a part: names, roles and selector ranges are resolved when the
/// metadata is read, so whoever walks the tree needs to know nothing of TSDL.
package indirect enum FieldClass: Sendable, Equatable {
    case integer(IntegerClass)
    case float(FloatClass)
    case string(StringClass)
    case structure(StructureClass)
    case array(ArrayClass)
    case variant(VariantClass)
    case blob(BlobClass)
    case optional(OptionalClass)
}

/// How a multi-byte value lies in the packet.
package enum ByteOrder: Sendable, Equatable {
    case littleEndian
    case bigEndian
}

/// How the bytes of a text are to be read.
package enum TextEncoding: UInt8, Sendable, Equatable, BitwiseCopyable {
    case utf8
    case ascii
    case utf16LittleEndian
    case utf16BigEndian
    case utf32LittleEndian
    case utf32BigEndian

    /// Bytes of a code unit, and of the NUL that ends a text: 1, 2 or 4.
    package var unitBytes: Int {
        switch self {
        case .utf8, .ascii: 1
        case .utf16LittleEndian, .utf16BigEndian: 2
        case .utf32LittleEndian, .utf32BigEndian: 4
        }
    }
}

/// What a decoder does with a field beyond showing it. In CTF 1.8 a role follows from the member's name, in CTF 2 it
/// is given.
package struct FieldRoles: OptionSet, Sendable, Equatable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let packetMagicNumber = FieldRoles(rawValue: 1 << 0)
    package static let metadataStreamUUID = FieldRoles(rawValue: 1 << 1)
    package static let streamClassID = FieldRoles(rawValue: 1 << 2)
    package static let streamInstanceID = FieldRoles(rawValue: 1 << 3)
    package static let packetTotalLength = FieldRoles(rawValue: 1 << 4)
    package static let packetContentLength = FieldRoles(rawValue: 1 << 5)
    package static let packetSequenceNumber = FieldRoles(rawValue: 1 << 6)
    package static let packetEndTimestamp = FieldRoles(rawValue: 1 << 7)
    package static let discardedEventCounter = FieldRoles(rawValue: 1 << 8)
    /// The value updates the stream's default clock (`timestamp_begin`, the event header's timestamp).
    package static let defaultClockTimestamp = FieldRoles(rawValue: 1 << 9)
    package static let eventRecordClassID = FieldRoles(rawValue: 1 << 10)
}

/// An integer, an enumeration when it has mappings; also what is read as one: a boolean, or an array of bits.
package struct IntegerClass: Sendable, Equatable {
    /// What the bits stand for.
    package enum Meaning: UInt8, Sendable, Equatable {
        case number
        /// Not 0 is true.
        case boolean
        /// Bits of their own: bit 0 is the least significant one of the value.
        case bits
    }

    /// 1...64 bits; 64 where the length is variable.
    package var sizeBits: UInt32
    /// A power of two, at least 1 bit; positions are counted from the packet's start.
    package var alignmentBits: UInt32
    package var isSigned: Bool
    package var byteOrder: ByteOrder
    /// 2, 8, 10 or 16: for display only.
    package var displayBase: UInt8
    /// Set where the integer is a character of a text (CTF 1.8 `encoding`).
    package var encoding: TextEncoding?
    package var roles: FieldRoles
    /// The labels, in order of declaration; nil for a plain integer. A value may have several labels or none.
    package var mappings: [EnumerationMapping]?
    package var meaning: Meaning
    /// The names of bits (`meaning` is `bits`), in order of declaration: their ranges are of bit numbers.
    package var flags: [EnumerationMapping]
    /// Whether the first bit of the field is not the one that its byte order puts first (CTF 2, `bit-order`).
    package var isReversed: Bool
    /// Whether it takes as many bytes as its value needs (LEB128), at most ten. Byte order and size say nothing then.
    package var isVariableLength: Bool

    package init(
        sizeBits: UInt32,
        alignmentBits: UInt32,
        isSigned: Bool = false,
        byteOrder: ByteOrder = .littleEndian,
        displayBase: UInt8 = 10,
        encoding: TextEncoding? = nil,
        roles: FieldRoles = [],
        mappings: [EnumerationMapping]? = nil,
        meaning: Meaning = .number,
        flags: [EnumerationMapping] = [],
        isReversed: Bool = false,
        isVariableLength: Bool = false
    ) {
        self.sizeBits = sizeBits
        self.alignmentBits = alignmentBits
        self.isSigned = isSigned
        self.byteOrder = byteOrder
        self.displayBase = displayBase
        self.encoding = encoding
        self.roles = roles
        self.mappings = mappings
        self.meaning = meaning
        self.flags = flags
        self.isReversed = isReversed
        self.isVariableLength = isVariableLength
    }

    /// Whether it is a number of fixed length whose bits lie as those of CTF 1.8 do.
    package var isPlain: Bool { meaning == .number && !isReversed && !isVariableLength }
}

/// A label and the values that carry it.
package struct EnumerationMapping: Sendable, Equatable {
    package var label: String
    package var ranges: [IntegerRange]

    package init(label: String, ranges: [IntegerRange]) {
        self.label = label
        self.ranges = ranges
    }
}

/// An inclusive range of the values of an integer class.
///
/// Bounds are bit patterns: read as `Int64` where the integer that they speak of is signed, as `UInt64` where not.
package struct IntegerRange: Sendable, Equatable, BitwiseCopyable {
    package var lowerBits: UInt64
    package var upperBits: UInt64

    package init(lowerBits: UInt64, upperBits: UInt64) {
        self.lowerBits = lowerBits
        self.upperBits = upperBits
    }

    /// Whether `bits` lies in the range, both read as `isSigned` says.
    package func contains(_ bits: UInt64, isSigned: Bool) -> Bool {
        if isSigned {
            let value = Int64(bitPattern: bits)
            return Int64(bitPattern: lowerBits) <= value && value <= Int64(bitPattern: upperBits)
        }
        return lowerBits <= bits && bits <= upperBits
    }
}

/// An IEEE 754 number of 16, 32 or 64 bits.
package struct FloatClass: Sendable, Equatable {
    package var sizeBits: UInt32
    package var alignmentBits: UInt32
    package var byteOrder: ByteOrder
    /// As in `IntegerClass`.
    package var isReversed: Bool

    package init(
        sizeBits: UInt32,
        alignmentBits: UInt32,
        byteOrder: ByteOrder = .littleEndian,
        isReversed: Bool = false
    ) {
        self.sizeBits = sizeBits
        self.alignmentBits = alignmentBits
        self.byteOrder = byteOrder
        self.isReversed = isReversed
    }
}

/// A structure: its members one after the other.
package struct StructureClass: Sendable, Equatable {
    package var members: [Member]
    /// The alignment asked for (`align(N)`); the members' own may be wider. A power of two, in bits.
    package var minimumAlignmentBits: UInt32

    package init(members: [Member], minimumAlignmentBits: UInt32 = 1) {
        self.members = members
        self.minimumAlignmentBits = minimumAlignmentBits
    }

    /// A named member of a structure or a named option of a variant.
    package struct Member: Sendable, Equatable {
        /// The name as readers show it (CTF 1.8: one leading underscore less than in the text).
        package var name: String
        /// The name as the metadata writes it, by which locations and tags refer to it.
        package var metadataName: String
        package var fieldClass: FieldClass

        package init(name: String, metadataName: String, fieldClass: FieldClass) {
            self.name = name
            self.metadataName = metadataName
            self.fieldClass = fieldClass
        }
    }
}

/// An array of constant length or a sequence, whose length an earlier field holds.
package struct ArrayClass: Sendable, Equatable {
    package enum Length: Sendable, Equatable {
        case constant(UInt64)
        case field(FieldLocation)
    }

    package var element: FieldClass
    package var length: Length
    package var minimumAlignmentBits: UInt32
    /// `metadataStreamUUID` or nothing.
    package var roles: FieldRoles

    package init(element: FieldClass, length: Length, minimumAlignmentBits: UInt32 = 1, roles: FieldRoles = []) {
        self.element = element
        self.length = length
        self.minimumAlignmentBits = minimumAlignmentBits
        self.roles = roles
    }

    /// The text encoding when the array is a text: 8-bit characters with an encoding, one behind the other (CTF 1.8,
    /// 4.2.5; babeltrace2 makes no text of characters with another alignment than 8, either).
    package var textEncoding: TextEncoding? {
        guard case .integer(let character) = element, character.sizeBits == 8, character.alignmentBits == 8,
            character.isPlain
        else { return nil }
        return character.encoding
    }
}

/// One of several field classes, chosen by the value of an earlier field.
package struct VariantClass: Sendable, Equatable {
    package struct Option: Sendable, Equatable {
        package var member: StructureClass.Member
        /// The selector's values that choose this option (CTF 1.8: the ranges of the tag's label of that name).
        package var selectorRanges: [IntegerRange]

        package init(member: StructureClass.Member, selectorRanges: [IntegerRange]) {
            self.member = member
            self.selectorRanges = selectorRanges
        }
    }

    package var selector: FieldLocation
    package var selectorIsSigned: Bool
    package var options: [Option]

    package init(selector: FieldLocation, selectorIsSigned: Bool, options: [Option]) {
        self.selector = selector
        self.selectorIsSigned = selectorIsSigned
        self.options = options
    }
}
