/// What a tracer says of a class beyond what is needed to decode it (CTF 2, section 5.2): kept for whoever knows its
/// namespace.
package struct ClassAttribute: Sendable, Equatable {
    /// The namespace, or the name of a property in a value.
    package var name: String
    package var value: Value

    package init(name: String, value: Value) {
        self.name = name
        self.value = value
    }

    /// A JSON value.
    package indirect enum Value: Sendable, Equatable {
        case null
        case boolean(Bool)
        /// -2^63 ... 2^64 - 1.
        case integer(Int128)
        /// A number that is written with a fraction or an exponent.
        case real(Double)
        case string(String)
        case array([Value])
        /// In the order of the text; names are unique.
        case object([ClassAttribute])
    }
}

extension ClassAttribute {
    /// The namespaces of an object's attributes, as far as `MetadataLimits.attributeValuesMax` still allows: a class is
    /// decoded alike without them.
    static func all(_ attributes: JSONObject, valuesLeft: inout Int) -> [ClassAttribute] {
        var left = valuesLeft
        guard let kept = attributes.attributes(&left) else { return [] }
        valuesLeft = left
        return kept
    }
}

extension JSONObject {
    /// Nil where there are more values than `valuesLeft`.
    fileprivate func attributes(_ valuesLeft: inout Int) -> [ClassAttribute]? {
        var result: [ClassAttribute] = []
        for property in properties {
            guard let value = property.value.attribute(&valuesLeft) else { return nil }
            result.append(ClassAttribute(name: property.name, value: value))
        }
        return result
    }
}

extension JSONValue {
    // Depth is bounded by the parser's.
    fileprivate func attribute(_ valuesLeft: inout Int) -> ClassAttribute.Value? {
        guard valuesLeft > 0 else { return nil }
        valuesLeft -= 1
        switch kind {
        case .null: return .null
        case .boolean(let value): return .boolean(value)
        case .integer(let value): return .integer(value)
        case .real(let value): return .real(value)
        case .string(let text): return .string(text)
        case .array(let elements):
            var values: [ClassAttribute.Value] = []
            for element in elements {
                guard let value = element.attribute(&valuesLeft) else { return nil }
                values.append(value)
            }
            return .array(values)
        case .object(let object):
            return object.attributes(&valuesLeft).map { .object($0) }
        }
    }
}
