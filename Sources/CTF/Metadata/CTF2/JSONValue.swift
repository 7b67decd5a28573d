/// A value of a JSON text, and where it stands in the metadata.
struct JSONValue: Sendable {
    enum Kind: Sendable {
        case null
        case boolean(Bool)
        /// Written without fraction and exponent; -2^63 ... 2^64 - 1.
        case integer(Int128)
        /// Any other number.
        case real(Double)
        case string(String)
        case array([JSONValue])
        case object(JSONObject)
    }

    var kind: Kind
    var position: MetadataPosition

    func wrong(_ wanted: String) -> MetadataError {
        MetadataError(.wrongKind, at: position, "\(wanted) is wanted")
    }

    func invalid(_ subject: String) -> MetadataError {
        MetadataError(.attributeValueInvalid, at: position, subject)
    }

    // MARK: - Readings

    func string() throws(MetadataError) -> String {
        guard case .string(let text) = kind else { throw wrong("a string") }
        return text
    }

    func integer() throws(MetadataError) -> Int128 {
        guard case .integer(let value) = kind else { throw wrong("an integer") }
        return value
    }

    func unsigned() throws(MetadataError) -> UInt64 {
        guard let value = UInt64(exactly: try integer()) else { throw wrong("an integer that is not negative") }
        return value
    }

    func signed() throws(MetadataError) -> Int64 {
        guard let value = Int64(exactly: try integer()) else { throw invalid("an integer that is too large") }
        return value
    }

    func array() throws(MetadataError) -> [JSONValue] {
        guard case .array(let elements) = kind else { throw wrong("an array") }
        return elements
    }

    func object() throws(MetadataError) -> JSONObject {
        guard case .object(let object) = kind else { throw wrong("an object") }
        return object
    }

    /// A power of two, in bits.
    func alignment() throws(MetadataError) -> UInt32 {
        guard let bits = UInt32(exactly: try unsigned()), bits.nonzeroBitCount == 1 else {
            throw invalid("an alignment is a power of two")
        }
        return bits
    }

    /// Sixteen bytes.
    func uuid() throws(MetadataError) -> TraceUUID {
        let elements = try array()
        guard elements.count == 16 else { throw invalid("a UUID has 16 bytes") }
        var words: (UInt64, UInt64) = (0, 0)
        for (index, element) in elements.enumerated() {
            guard let byte = UInt8(exactly: try element.integer()) else { throw element.invalid("not a byte") }
            if index < 8 { words.0 = words.0 << 8 | UInt64(byte) } else { words.1 = words.1 << 8 | UInt64(byte) }
        }
        return TraceUUID(high: words.0, low: words.1)
    }
}

/// The properties of a JSON object, in order; names are unique.
struct JSONObject: Sendable {
    struct Property: Sendable {
        var name: String
        var value: JSONValue
    }

    private(set) var properties: [Property] = []
    private var indexByName: [ExactText: Int] = [:]

    subscript(name: String) -> JSONValue? {
        indexByName[ExactText(name)].map { properties[$0].value }
    }

    /// Returns false when there is a property of this name already.
    mutating func append(_ name: String, _ value: JSONValue) -> Bool {
        guard indexByName.updateValue(properties.count, forKey: ExactText(name)) == nil else { return false }
        properties.append(Property(name: name, value: value))
        return true
    }
}
