import Feed
import Runtime
import Timeline

/// `/api/counts`: what a range holds.
enum CountsCall {
    typealias Sums = [(lane: UInt32, counts: RangeCounts.Counts)]

    static func answer(_ call: APICall) async throws -> WebAnswer {
        let times = try call.parameters.times()
        let filter = try call.parameters.filter()
        let scope = call.scope
        if call.needsDecoding(filter) { return try await filtered(call, times, filter) }
        let frames = try await call.timeline.ask { book, _ in
            try book.model.counts(fromNs: times.lowerBound, toNs: times.upperBound).frames
        }
        let batches = try await call.timeline.batches(frames)
        let (sums, watermarkNs) = try await call.timeline.ask { book, _ in
            let table = book.model.lanes
            let view = table.narrowed(table.view(of: scope), by: filter)
            // Made again: the batches are of before, and whatever has left since lies in whole columns, or at W.
            var counts = try book.model.counts(fromNs: times.lowerBound, toNs: times.upperBound)
            for batch in batches { counts.take(batch, lanes: table) }
            return (counts.sums(table, view: view), book.model.figures.watermarkNs)
        }
        return WebAnswer(json(times, knownToNs: times.upperBound, watermarkNs, sums))
    }

    /// Whole columns from the filter's counts, the edges event by event.
    private static func filtered(
        _ call: APICall,
        _ times: Range<Int64>,
        _ filter: FilterExpression?
    ) async throws -> WebAnswer {
        let (scope, wanted) = (call.scope, filter?.decoded)
        let watermarkNs = try await call.timeline.ask { book, _ in book.model.figures.watermarkNs }
        try await call.timeline.look(for: wanted, scope: scope, in: times, until: call.deadline)
        let (columns, knownToNs) = try await call.timeline.ask { book, _ in
            book.withFilter(wanted, scope: scope) { counts, model -> (Range<Int64>, Int64) in
                let knownToNs = counts.knownEndNs(in: times, model)
                let size: Int64 = 1 << Int64(counts.leastLevel)
                let end = knownToNs & ~(size - 1)
                let (up, overflow) = times.lowerBound.addingReportingOverflow(size - 1)
                let first = overflow ? end : min(end, up & ~(size - 1))
                return (max(first, times.lowerBound)..<max(first, end, times.lowerBound), knownToNs)
            }
        }
        var counts = try await call.timeline.ask { book, _ in
            book.withFilter(wanted, scope: scope) { counts, _ in counts.sums(columns: columns) }
        }
        for edge in [times.lowerBound..<columns.lowerBound, columns.upperBound..<knownToNs] where !edge.isEmpty {
            let walk = try await call.walk(
                .forwards,
                times: edge,
                beyond: nil,
                lanes: nil,
                filter: filter,
                stepEvents: 8192
            )
            while try await !call.timeline.advance(walk, enough: .max, until: call.deadline) {}
            for event in walk.value.found {
                counts[event.lane, default: RangeCounts.Counts()].events += 1
                if event.lateNs > 0 { counts[event.lane, default: RangeCounts.Counts()].late += 1 }
            }
        }
        let sums = try await call.timeline.ask { [counts] book, _ in
            let table = book.model.lanes
            return RangeCounts(counts).sums(table, view: table.narrowed(table.view(of: scope), by: filter))
        }
        return WebAnswer(json(times, knownToNs: knownToNs, watermarkNs, sums))
    }

    private static func json(_ times: Range<Int64>, knownToNs: Int64, _ watermarkNs: Int64?, _ sums: Sums) -> JSONBuffer
    {
        var json = JSONBuffer(capacityBytes: 256 + 32 * sums.count)
        json.object { json in
            json.member("from", ns: times.lowerBound)
            json.member("to", ns: times.upperBound)
            json.member("complete", watermarkNs.map { times.upperBound <= $0 } ?? false)
            json.member("known_to", ns: knownToNs)
            json.member("next", knownToNs < times.upperBound ? "\(knownToNs)" : nil)
            json.key("lanes")
            json.array { json in
                for (lane, counts) in sums {
                    json.array { json in
                        json.append(lane)
                        json.append(counts.events)
                        json.append(counts.late)
                        json.append(counts.losses)
                    }
                }
            }
        }
        return json
    }
}
