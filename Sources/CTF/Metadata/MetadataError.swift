/// Why metadata cannot be read, and where in its text.
package struct MetadataError: Error, Sendable, Equatable {
    package enum Code: UInt8, Sendable, Equatable, CaseIterable {
        case textTooLong = 1

        // The packets that the text comes in.
        case packetTruncated
        case packetMagicMissing
        case packetSizeInvalid
        case packetUUIDChanged
        case packetCompressed
        case packetEncrypted
        case packetChecksummed
        case packetVersionUnknown

        // Words and sentences.
        case unexpectedEnd
        case unexpectedCharacter
        case unexpectedToken
        case invalidEscape
        case invalidNumber
        case numberTooLarge

        // Bounds.
        case nestedTooDeeply
        case nameTooLong
        case tooManyDeclarations
        case tooManyFields
        case arrayTooLong

        // Meaning.
        case traceMissing
        case attributeMissing
        case attributeValueInvalid
        case duplicateDeclaration
        case duplicateAttribute
        case duplicateName
        case duplicateID
        case idMissing
        case reservedName
        case unknownType
        case notAStructure
        case notAnInteger
        case enumerationEmpty
        case rangeInvalid
        case variantWithoutTag
        case locationInvalid
        case streamNotFound
        case clockNotFound
        case environmentEntryNotFound
        case severalClocks
        case clockInPacketHeader
        case magicNotFirst

        // CTF 2 alone.
        case preambleMissing
        case versionUnknown
        case extensionUnknown
        case attributeUnknown
        case wrongKind
    }

    package var code: Code
    /// From 1, in the whole text (packets' contents put together); 0 when the error is not in the text.
    package var line: Int
    /// From 1, in bytes; 0 when the error is not in the text.
    package var column: Int
    /// What it is about: a name, a word, or what was expected and found. Cut where it is long: texts come from peers.
    package let subject: String
    /// What has to be declared for the text to be right; nil when no later text can make it so.
    var missing: MetadataReference?

    package init(_ code: Code, line: Int, column: Int, subject: String = "") {
        self.code = code
        self.line = line
        self.column = column
        self.subject = subject.shortened(toBytes: 512)
    }
}

extension MetadataError {
    /// Whether nothing is wrong with what is there: its end is missing.
    package var isOfMissingEnd: Bool { code == .unexpectedEnd || code == .packetTruncated }
}

extension MetadataError: CustomStringConvertible {
    /// What is wrong and where, for people.
    package var description: String {
        var text = line > 0 ? "metadata line \(line), column \(column): " : "metadata: "
        text += code.sentence
        if !subject.isEmpty { text += ": " + subject }
        return text
    }
}

extension MetadataError.Code {
    fileprivate var sentence: String {
        switch self {
        case .textTooLong: "too much text"
        case .packetTruncated: "the last metadata packet is incomplete"
        case .packetMagicMissing: "a metadata packet does not begin with its magic number"
        case .packetSizeInvalid: "a metadata packet's sizes contradict each other"
        case .packetUUIDChanged: "a metadata packet has another UUID than the first one"
        case .packetCompressed: "a metadata packet is compressed"
        case .packetEncrypted: "a metadata packet is encrypted"
        case .packetChecksummed: "a metadata packet has a checksum of a kind that is not known"
        case .packetVersionUnknown: "a metadata packet has a version that is not known"
        case .unexpectedEnd: "the text ends too early"
        case .unexpectedCharacter: "unexpected character"
        case .unexpectedToken: "syntax error"
        case .invalidEscape: "invalid escape sequence"
        case .invalidNumber: "invalid number"
        case .numberTooLarge: "number does not fit in 64 bits"
        case .nestedTooDeeply: "nested too deeply"
        case .nameTooLong: "name too long"
        case .tooManyDeclarations: "too many declarations"
        case .tooManyFields: "too many fields"
        case .arrayTooLong: "array too long"
        case .traceMissing: "there is no trace block"
        case .attributeMissing: "missing attribute"
        case .attributeValueInvalid: "invalid attribute value"
        case .duplicateDeclaration: "declared twice"
        case .duplicateAttribute: "attribute given twice"
        case .duplicateName: "name used twice"
        case .duplicateID: "id used twice"
        case .idMissing: "an id is needed to tell classes apart"
        case .reservedName: "reserved word used as a name"
        case .unknownType: "unknown type"
        case .notAStructure: "not a structure"
        case .notAnInteger: "not an integer"
        case .enumerationEmpty: "enumeration without labels"
        case .rangeInvalid: "invalid range"
        case .variantWithoutTag: "variant without tag"
        case .locationInvalid: "invalid field location"
        case .streamNotFound: "no stream class has this id"
        case .clockNotFound: "no clock has this name"
        case .environmentEntryNotFound: "no entry of the environment has this name"
        case .severalClocks: "a stream class can have one clock only"
        case .clockInPacketHeader: "a field of the packet header cannot be mapped to a clock"
        case .magicNotFirst: "the magic number is not the packet header's first member"
        case .preambleMissing: "the first fragment is not a preamble"
        case .versionUnknown: "unknown version of the format"
        case .extensionUnknown: "an extension that is not known"
        case .attributeUnknown: "unknown property"
        case .wrongKind: "not the kind of value that is wanted here"
        }
    }
}
