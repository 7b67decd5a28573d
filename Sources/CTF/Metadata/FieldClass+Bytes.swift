/// A text; always aligned to 8 bits.
package struct StringClass: Sendable, Equatable {
    package enum Length: Sendable, Equatable {
        /// Ends with a NUL.
        case terminated
        /// Bytes; what follows a first NUL is not text.
        case constant(UInt64)
        /// An earlier field holds the number of bytes.
        case field(FieldLocation)
    }

    package var encoding: TextEncoding
    package var length: Length

    package init(encoding: TextEncoding = .utf8, length: Length = .terminated) {
        self.encoding = encoding
        self.length = length
    }
}

/// Bytes that are no text; always aligned to 8 bits.
package struct BlobClass: Sendable, Equatable {
    /// Bytes.
    package var length: ArrayClass.Length
    /// What the bytes are (IANA media type).
    package var mediaType: String
    /// `metadataStreamUUID` or nothing.
    package var roles: FieldRoles

    package static let defaultMediaType = "application/octet-stream"

    package init(
        length: ArrayClass.Length,
        mediaType: String = BlobClass.defaultMediaType,
        roles: FieldRoles = []
    ) {
        self.length = length
        self.mediaType = mediaType
        self.roles = roles
    }
}

/// A field that is there or not, as the value of an earlier field says.
package struct OptionalClass: Sendable, Equatable {
    package var element: FieldClass
    package var selector: FieldLocation
    package var selectorIsSigned: Bool
    /// The selector's values with which the field is there; a boolean selector is an integer that is not 0.
    package var selectorRanges: [IntegerRange]

    package init(
        element: FieldClass,
        selector: FieldLocation,
        selectorIsSigned: Bool,
        selectorRanges: [IntegerRange]
    ) {
        self.element = element
        self.selector = selector
        self.selectorIsSigned = selectorIsSigned
        self.selectorRanges = selectorRanges
    }
}
