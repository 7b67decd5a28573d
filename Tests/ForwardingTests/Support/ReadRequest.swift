import COTLPSchema

/// A request as a collector reads it, as text.
struct ReadRequest {
    struct Failure: Error {}

    struct Scope {
        var name: String
        /// `key=value`, as all attributes here.
        var attributes: [String]
        var records: [Record]
    }

    struct Record {
        var name: String
        var timeNs: UInt64
        var observedNs: UInt64
        var severity: Int32
        var severityText: String
        var attributes: [String]
    }

    var resources: [(attributes: [String], scopes: [Scope])] = []

    init(_ bytes: [UInt8]) throws {
        guard let request = tidemark__otlp__logs_request__unpack(nil, bytes.count, bytes) else { throw Failure() }
        defer { tidemark__otlp__logs_request__free_unpacked(request, nil) }
        for index in 0..<request.pointee.n_resource_logs {
            guard let resource = request.pointee.resource_logs[index]?.pointee else { throw Failure() }
            let attributes = Self.attributes(
                resource.resource.pointee.attributes,
                resource.resource.pointee.n_attributes
            )
            let scopes = try (0..<resource.n_scope_logs).map { index in
                guard let scope = resource.scope_logs[index]?.pointee else { throw Failure() }
                return try Self.scope(scope)
            }
            resources.append((attributes, scopes))
        }
    }

    var records: [Record] { resources.flatMap { $0.scopes.flatMap(\.records) } }

    private static func scope(_ scope: Tidemark__Otlp__ScopeLogs) throws -> Scope {
        Scope(
            name: String(cString: scope.scope.pointee.name),
            attributes: attributes(scope.scope.pointee.attributes, scope.scope.pointee.n_attributes),
            records: try (0..<scope.n_log_records).map { index in
                guard let record = scope.log_records[index]?.pointee else { throw Failure() }
                return Record(
                    name: String(cString: record.event_name),
                    timeNs: record.time_unix_nano,
                    observedNs: record.observed_time_unix_nano,
                    severity: record.severity_number,
                    severityText: String(cString: record.severity_text),
                    attributes: attributes(record.attributes, record.n_attributes)
                )
            }
        )
    }

    private static func attributes(
        _ members: UnsafeMutablePointer<UnsafeMutablePointer<Tidemark__Otlp__KeyValue>?>?,
        _ count: Int
    ) -> [String] {
        (0..<count).map { index in
            guard let member = members?[index]?.pointee else { return "?" }
            return String(cString: member.key) + "=" + text(member.value)
        }
    }

    /// The value with its type.
    private static func text(_ value: UnsafeMutablePointer<Tidemark__Otlp__AnyValue>?) -> String {
        guard let value else { return "none" }
        switch value.pointee.value_case {
        case TIDEMARK__OTLP__ANY_VALUE__VALUE_INT_VALUE: return "int \(value.pointee.int_value)"
        case TIDEMARK__OTLP__ANY_VALUE__VALUE_BOOL_VALUE: return "bool \(value.pointee.bool_value != 0)"
        case TIDEMARK__OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE: return "double \(value.pointee.double_value)"
        case TIDEMARK__OTLP__ANY_VALUE__VALUE_STRING_VALUE: return "'\(String(cString: value.pointee.string_value))'"
        case TIDEMARK__OTLP__ANY_VALUE__VALUE_BYTES_VALUE:
            // A length, and a pointer: see MessageArena.
            return withUnsafeBytes(of: value.pointee.bytes_value) { data in
                let count = data.load(as: Int.self)
                let bytes = data.load(fromByteOffset: MemoryLayout<Int>.size, as: UnsafePointer<UInt8>?.self)
                return "bytes \((0..<count).map { bytes?[$0] ?? 0 })"
            }
        case TIDEMARK__OTLP__ANY_VALUE__VALUE_ARRAY_VALUE:
            let array = value.pointee.array_value.pointee
            return "[" + (0..<array.n_values).map { text(array.values[$0]) }.joined(separator: ", ") + "]"
        case TIDEMARK__OTLP__ANY_VALUE__VALUE_KVLIST_VALUE:
            let list = value.pointee.kvlist_value.pointee
            return "{" + attributes(list.values, list.n_values).joined(separator: ", ") + "}"
        default: return "empty"
        }
    }
}
