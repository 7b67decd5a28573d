import Feed
import HTTPTypes
import Runtime
import Timeline

/// `/api/density`: counts by columns.
enum DensityCall {
    private enum Finding: Sendable {
        case unchanged(tag: String)
        case body([UInt8], tag: String?)
    }

    static func answer(_ call: APICall) async throws -> WebAnswer {
        let level: Int = try call.parameters.requiredNumber("level")
        let fromNs: Int64 = try call.parameters.requiredNumber("from")
        let columns: Int = try call.parameters.requiredNumber("columns")
        guard let lanes = try call.parameters.lanes() else { throw APIError.parameter("lanes is missing") }
        let filter = try call.parameters.filter()
        let (request, scope) = (call.request, call.scope)
        if call.needsDecoding(filter) {
            return try await filtered(call, filter) { least throws(TimelineError) in
                try DensityRequest(level: level, fromNs: fromNs, columns: columns, lanes: lanes, least: least)
            }
        }
        let finding = try await call.timeline.ask { book, generation -> Finding in
            let density = try DensityRequest(
                level: level,
                fromNs: fromNs,
                columns: columns,
                lanes: lanes,
                least: book.model.leastLevel
            )
            let tag = book.model.tag(of: density.times, generation: generation, scope: scope)
            if let tag, request.holds(tag) { return .unchanged(tag: tag) }
            let table = book.model.lanes
            let view = table.narrowed(table.view(of: scope), by: filter)
            return .body(book.model.density(density, view: view), tag: tag)
        }
        switch finding {
        case .unchanged(let tag): return WebAnswer(.notModified).tagged(tag)
        case .body(let bytes, let tag): return WebAnswer(contentType: type, bytes: bytes).tagged(tag)
        }
    }

    private static let type = "application/octet-stream"

    private static func filtered(
        _ call: APICall,
        _ filter: FilterExpression?,
        _ request: @escaping @Sendable (Int) throws(TimelineError) -> DensityRequest
    ) async throws -> WebAnswer {
        let (scope, wanted) = (call.scope, filter?.decoded)
        let times = try await call.timeline.ask { book, _ in
            try request(book.withFilter(wanted, scope: scope) { counts, _ in counts.leastLevel }).times
        }
        try await call.timeline.look(for: wanted, scope: scope, in: times, until: call.deadline)
        let body = try await call.timeline.ask { book, _ in
            let table = book.model.lanes
            let view = table.narrowed(table.view(of: scope), by: filter)
            let density = try request(book.withFilter(wanted, scope: scope) { counts, _ in counts.leastLevel })
            return book.withFilter(wanted, scope: scope) { $0.density(density, $1, view: view) }
        }
        return WebAnswer(contentType: type, bytes: body)
    }
}

extension APICall {
    /// Whether events have to be looked at to know which are wanted, or may be seen.
    func needsDecoding(_ filter: FilterExpression?) -> Bool {
        scope.namesEvents || filter?.decoded != nil
    }
}

extension FilterExpression {
    /// What has to be asked of events; nil where lanes alone decide.
    var decoded: FilterExpression? { namesLanesOnly ? nil : self }
}

extension TimelineModel {
    /// What stands for the counts of a range as they are now; nil where they may yet grow.
    func tag(of times: Range<Int64>, generation: String, scope: ViewScope) -> String? {
        guard let watermarkNs = figures.watermarkNs, times.upperBound <= watermarkNs else { return nil }
        let begin = figures.beginNs.map { max($0, times.lowerBound) } ?? times.lowerBound
        let view = String(UInt(bitPattern: scope.hashValue), radix: 16)
        return "\"\(generation)-\(figures.late)-\(figures.lostRecords)-\(begin)-\(leastLevel)-\(view)\""
    }
}

extension WebAnswer {
    /// To be kept by whoever asks, and asked for again.
    func tagged(_ tag: String?) -> WebAnswer {
        guard let tag else { return self }
        var answer = self
        answer.headers[.eTag] = tag
        answer.headers[.cacheControl] = "private, no-cache"
        return answer
    }
}
