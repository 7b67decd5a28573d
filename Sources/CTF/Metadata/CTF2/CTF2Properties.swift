/// The properties of a JSON object of CTF 2, taken one by one; what nobody has taken is not known, and refused.
struct CTF2Properties {
    private let object: JSONObject
    let position: MetadataPosition
    private var taken: Set<String> = []
    /// The namespaces of the object's attributes; a reader need not understand them.
    let attributes: JSONObject

    /// - Throws: for what is no object, and for one with extensions: they may change the format in any way.
    init(_ value: JSONValue) throws(MetadataError) {
        object = try value.object()
        position = value.position
        attributes = try object["attributes"]?.object() ?? JSONObject()
        if let extensions = object["extensions"] {
            guard try extensions.object().properties.isEmpty else {
                throw MetadataError(
                    .extensionUnknown,
                    at: extensions.position,
                    "`\(try extensions.object().properties[0].name)`"
                )
            }
        }
        taken = ["attributes", "extensions"]
    }

    /// The value of a property that may be missing.
    mutating func take(_ name: String) -> JSONValue? {
        taken.insert(name)
        return object[name]
    }

    mutating func require(_ name: String) throws(MetadataError) -> JSONValue {
        guard let value = take(name) else { throw MetadataError(.attributeMissing, at: position, "`\(name)`") }
        return value
    }

    mutating func takeIdentity() throws(MetadataError) -> ClassIdentity {
        ClassIdentity(
            namespace: try take("namespace")?.string(),
            name: try take("name")?.string(),
            uid: try take("uid")?.string()
        )
    }

    /// Says that all properties which mean something have been taken.
    func finish() throws(MetadataError) {
        for property in object.properties where !taken.contains(property.name) {
            throw MetadataError(.attributeUnknown, at: property.value.position, "`\(property.name)`")
        }
    }
}
