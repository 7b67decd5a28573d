/// Finds where the fragments of a growing JSON text sequence (RFC 7464) end, looking at each byte once.
///
/// A fragment begins with a record separator and ends with the brace that closes its object: the next separator need
/// not have come for it to be read, so the newest fragment counts at once. Only fragments that are complete reach the
/// parser.
struct CTF2FragmentScanner: DeclarationScanner {
    private enum State: Sendable, Equatable {
        /// Before a fragment's separator, or before its object.
        case outside
        case inside
        case string
        case stringEscape
    }

    static let separator: UInt8 = 0x1E

    private var state = State.outside
    private var hasSeparator = false
    /// Whether this is a fragment of which the beginning is missing.
    private var isLost = false
    private var depth = 0

    mutating func findEnd(of text: UnsafeBufferPointer<UInt8>, from offset: inout Int) -> ScanFinding {
        if isLost, offset < text.count {
            offset = text[offset...].firstIndex(of: Self.separator) ?? text.count
            isLost = offset == text.count
            return .skipped
        }
        while offset < text.count {
            if let fault = scan(text[offset]) { return .fault(fault) }
            offset += 1
            if state == .inside, depth == 0 {
                self = CTF2FragmentScanner()
                return .end
            }
        }
        return .nothing
    }

    mutating func resynchronise() {
        self = CTF2FragmentScanner()
        isLost = true
    }

    /// Returns what is wrong with the byte.
    private mutating func scan(_ byte: UInt8) -> MetadataError.Code? {
        // A separator stands in no string, either: the fragment has been cut.
        if byte == Self.separator, state != .outside { return .unexpectedEnd }
        switch state {
        case .outside:
            if byte == Self.separator {
                hasSeparator = true
            } else if !JSONParser.isBlank(byte) {
                guard hasSeparator, byte == UInt8(ascii: "{") else { return .unexpectedCharacter }
                state = .inside
                depth = 1
            }
        case .inside:
            switch byte {
            case UInt8(ascii: "\""): state = .string
            // Whether brackets match is the parser's to say.
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
        case .string:
            if byte == UInt8(ascii: "\\") { state = .stringEscape }
            if byte == UInt8(ascii: "\"") { state = .inside }
        case .stringEscape:
            state = .string
        }
        return nil
    }
}
