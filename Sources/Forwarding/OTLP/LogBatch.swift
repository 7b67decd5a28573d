import COTLPSchema
import CProtobufC

/// A request that is ready to be sent.
struct LogBatch {
    /// `LogsRequest`, not compressed.
    var bytes: [UInt8]
    /// The events in it, and where the feed is done with once it is taken.
    var progress: TextQueue.Progress
}

/// A batch on its way to a collector: as it is, or in parts where that is too large for it.
struct PartedBatch {
    /// A request of its own.
    struct Part: Equatable {
        /// `LogsRequest`, not compressed.
        var bytes: [UInt8]
        var events: UInt64
    }

    /// What is left to be sent, the next one last.
    private var parts: [Part]
    /// Events that the collector did not want, of the parts that are done with.
    private(set) var refusedEvents: UInt64 = 0

    init(_ batch: LogBatch) {
        parts = [Part(bytes: batch.bytes, events: batch.progress.events)]
    }

    /// Nil: all is done with.
    var next: Part? { parts.last }
    /// Of what is left.
    var byteCount: Int { parts.reduce(0) { $0 + $1.bytes.count } }

    /// The next part is done with.
    /// - Parameter refusedEvents: of it; more than it has count as all.
    mutating func end(refusedEvents: UInt64) {
        guard let part = parts.popLast() else { return }
        self.refusedEvents += min(refusedEvents, part.events)
    }

    /// The next part is too large: it goes in two.
    /// - Returns: false: it is one event, and stays.
    mutating func split() -> Bool {
        guard let part = parts.last, let (first, second) = part.halves() else { return false }
        parts.removeLast()
        parts += [second, first]
        return true
    }
}

extension PartedBatch.Part {
    /// The same records in two requests, in their order, with the resources and scopes that they need.
    /// - Returns: nil for less than two records.
    func halves() -> (Self, Self)? {
        guard events > 1, let request = tidemark__otlp__logs_request__unpack(nil, bytes.count, bytes) else {
            return nil
        }
        defer { tidemark__otlp__logs_request__free_unpacked(request, nil) }
        let arena = MessageArena()
        let middle = Int(events / 2)
        let first = Self(bytes: Self.packed(request, 0..<middle, arena), events: UInt64(middle))
        let second = Self(bytes: Self.packed(request, middle..<Int(events), arena), events: events - first.events)
        return (first, second)
    }

    /// - Parameters:
    ///   - wanted: numbers of records, in their order.
    ///   - arena: takes the messages around them.
    private static func packed(
        _ request: UnsafeMutablePointer<Tidemark__Otlp__LogsRequest>,
        _ wanted: Range<Int>,
        _ arena: MessageArena
    ) -> [UInt8] {
        var resources: [UnsafeMutablePointer<Tidemark__Otlp__ResourceLogs>] = []
        var number = 0
        for index in 0..<request.pointee.n_resource_logs {
            guard let whole = request.pointee.resource_logs[index] else { continue }
            var scopes: [UnsafeMutablePointer<Tidemark__Otlp__ScopeLogs>] = []
            for index in 0..<whole.pointee.n_scope_logs {
                guard let scope = whole.pointee.scope_logs[index] else { continue }
                let records = wanted.clamped(to: number..<number + scope.pointee.n_log_records)
                if !records.isEmpty {
                    let part: UnsafeMutablePointer<Tidemark__Otlp__ScopeLogs> = arena.make(
                        tidemark__otlp__scope_logs__init
                    )
                    part.pointee.scope = scope.pointee.scope
                    part.pointee.n_log_records = records.count
                    part.pointee.log_records = scope.pointee.log_records + (records.lowerBound - number)
                    scopes.append(part)
                }
                number += scope.pointee.n_log_records
            }
            guard !scopes.isEmpty else { continue }
            let part: UnsafeMutablePointer<Tidemark__Otlp__ResourceLogs> = arena.make(
                tidemark__otlp__resource_logs__init
            )
            part.pointee.resource = whole.pointee.resource
            part.pointee.n_scope_logs = scopes.count
            part.pointee.scope_logs = arena.pointers(scopes[...])
            resources.append(part)
        }
        return arena.request(resources[...])
    }
}

extension MessageArena {
    /// A request of these resources, as it is sent.
    func request(_ resources: ArraySlice<UnsafeMutablePointer<Tidemark__Otlp__ResourceLogs>>) -> [UInt8] {
        let request: UnsafeMutablePointer<Tidemark__Otlp__LogsRequest> = make(tidemark__otlp__logs_request__init)
        request.pointee.n_resource_logs = resources.count
        request.pointee.resource_logs = pointers(resources)
        let base = UnsafeRawPointer(request).assumingMemoryBound(to: ProtobufCMessage.self)
        return [UInt8](unsafeUninitializedCapacity: protobuf_c_message_get_packed_size(base)) { buffer, count in
            count = protobuf_c_message_pack(base, buffer.baseAddress)
        }
    }
}
