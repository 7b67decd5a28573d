/// Clock classes (CTF 2, section 5.7).
enum CTF2Clocks {
    /// - Parameter id: what the metadata calls the clock; its name where it has none.
    static func clock(_ id: String, _ fragment: inout CTF2Properties) throws(MetadataError) -> ClockClass {
        let identity = try fragment.takeIdentity()
        var clock = ClockClass(name: identity.name ?? id, identity: identity)
        clock.uuid = identity.uid.flatMap { TraceUUID($0) }
        let frequency = try fragment.require("frequency")
        clock.frequencyHz = try frequency.unsigned()
        guard clock.frequencyHz > 0 else { throw frequency.invalid("a frequency is not 0") }
        if let origin = fragment.take("origin") { try setOrigin(of: &clock, origin) }
        if let offset = fragment.take("offset-from-origin") { try setOffset(of: &clock, offset) }
        clock.precisionCycles = try fragment.take("precision")?.unsigned() ?? 0
        clock.accuracyCycles = try fragment.take("accuracy")?.unsigned() ?? 0
        clock.description = try fragment.take("description")?.string()
        try fragment.finish()
        return clock
    }

    private static func setOrigin(of clock: inout ClockClass, _ value: JSONValue) throws(MetadataError) {
        if case .string(let name) = value.kind {
            guard name == "unix-epoch" else { throw value.invalid("`origin`") }
            clock.originIsUnixEpoch = true
            return
        }
        let object = try value.object()
        for property in object.properties where !["namespace", "name", "uid"].contains(property.name) {
            throw MetadataError(.attributeUnknown, at: property.value.position, "`\(property.name)`")
        }
        guard let name = object["name"], let uid = object["uid"] else {
            throw MetadataError(.attributeMissing, at: value.position, "`name` and `uid` of an origin")
        }
        clock.origin = ClassIdentity(
            namespace: try object["namespace"]?.string(),
            name: try name.string(),
            uid: try uid.string()
        )
    }

    /// Cycles are wanted below one second; those that are not, negative ones of some tracers too, are brought there.
    private static func setOffset(of clock: inout ClockClass, _ value: JSONValue) throws(MetadataError) {
        let object = try value.object()
        for property in object.properties where property.name != "seconds" && property.name != "cycles" {
            throw MetadataError(.attributeUnknown, at: property.value.position, "`\(property.name)`")
        }
        let frequency = Int128(clock.frequencyHz)
        let cycles = try object["cycles"]?.integer() ?? 0
        var (seconds, rest) = cycles.quotientAndRemainder(dividingBy: frequency)
        if rest < 0 { (seconds, rest) = (seconds - 1, rest + frequency) }
        guard let offset = Int64(exactly: seconds + (try object["seconds"]?.integer() ?? 0)) else {
            throw value.invalid("an offset that is too large")
        }
        clock.offsetSeconds = offset
        clock.offsetCycles = UInt64(rest)
    }
}

/// What LTTng says in attributes.
enum CTF2Attributes {
    /// Who names them so: the tracer, and babeltrace2 where it has converted a trace.
    private static let namespaces = ["lttng.org,2009", "babeltrace.org,2020"]

    private static let logLevels = [
        "emergency", "alert", "critical", "error", "warning", "notice", "info", "debug:system", "debug:program",
        "debug:process", "debug:module", "debug:unit", "debug:function", "debug:line", "debug",
    ]

    /// LTTng's number of the level; nil for one that is not known, as attributes are never errors.
    static func logLevel(_ attributes: JSONObject) -> Int64? {
        switch value("log-level", attributes) {
        case .string(let name)?: logLevels.firstIndex(of: name).map { Int64($0) }
        case .integer(let number)?: Int64(exactly: number)
        default: nil
        }
    }

    static func emfURI(_ attributes: JSONObject) -> String? {
        if case .string(let uri)? = value("emf-uri", attributes) { uri } else { nil }
    }

    private static func value(_ name: String, _ attributes: JSONObject) -> JSONValue.Kind? {
        for namespace in namespaces {
            if case .object(let object)? = attributes[namespace]?.kind, let value = object[name] { return value.kind }
        }
        return nil
    }
}
