/// Why a packet, or the rest of it, cannot be decoded. Events before it stand.
@usableFromInline
package struct PacketError: Error, Sendable, Equatable {
    @frozen @usableFromInline
    package enum Code: UInt8, Sendable, Equatable, BitwiseCopyable {
        /// The bytes in memory end before what was asked for does; the packet itself goes on. More bytes heal it.
        case needsMoreBytes = 1
        /// The packet header's magic number is not 0xC1FC1FC1. `value` is what it is.
        case badMagic
        /// The packet header carries the UUID of another trace.
        case uuidMismatch
        /// No stream class has this id. `value` is the id.
        case unknownStreamClass
        /// No event class of the stream class has this id. `value` is the id.
        case unknownEventClass
        /// A field reaches past the packet's content. `value` is where it would end, in bits.
        case beyondContent
        /// A string has no end in the packet's content.
        case unterminatedString
        /// An array or a sequence is longer than the rest of the packet. `value` is its length, in elements.
        case tooManyElements
        /// No option of a variant has this selector. `value` is the selector.
        case selectorWithoutOption
        /// An integer of variable length has more than 64 bits.
        case oversizedInteger
        /// The byte order changes inside of a byte.
        case byteOrderChange
        /// The packet's size is not a whole number of bytes, or less than its header and context. `value` is the size,
        /// in bits.
        case badPacketSize
        /// The packet's content is larger than the packet, or ends in its header or context. `value` is its size, in
        /// bits.
        case badContentSize
        /// An event record without a single bit: there would be no end of them.
        case emptyEvent
        /// The preamble was not read by this program.
        case foreignPreamble
        /// An event that is larger than what may be in memory. `value` is how many bytes of it there were.
        case oversizedEvent
    }

    package var code: Code
    /// Where, in bits from the packet's start.
    package var positionBits: UInt64
    /// What was found; see `code`.
    package var value: UInt64

    @usableFromInline
    package init(_ code: Code, atBits positionBits: UInt64, value: UInt64 = 0) {
        self.code = code
        self.positionBits = positionBits
        self.value = value
    }
}

extension PacketError: CustomStringConvertible {
    /// What is wrong and where, for people.
    @usableFromInline package var description: String {
        "\(reason) at byte \(positionBits / 8), bit \(positionBits % 8) of the packet"
    }

    private var reason: String {
        switch code {
        case .needsMoreBytes: "more bytes are needed"
        case .badMagic: "magic number 0x\(String(value, radix: 16)) instead of 0xc1fc1fc1"
        case .uuidMismatch: "UUID of another trace"
        case .unknownStreamClass: "unknown stream class \(value)"
        case .unknownEventClass: "unknown event class \(value)"
        case .beyondContent: "field that ends past the packet's content, at bit \(value),"
        case .unterminatedString: "string without end"
        case .tooManyElements: "array of \(value) elements, longer than the packet,"
        case .selectorWithoutOption: "variant without an option for selector \(value)"
        case .oversizedInteger: "integer of more than 64 bits"
        case .byteOrderChange: "change of byte order inside of a byte"
        case .badPacketSize where value % 8 != 0: "packet size of \(value) bits, which are no whole bytes,"
        case .badPacketSize: "packet size of \(value) bits, less than its header and context take,"
        case .badContentSize where value < positionBits:
            "content size of \(value) bits, less than the packet's header and context take,"
        case .badContentSize: "content size of \(value) bits, more than the packet has,"
        case .emptyEvent: "event without content"
        case .foreignPreamble: "preamble that another program read"
        case .oversizedEvent: "event of more than \(value) bytes"
        }
    }
}
