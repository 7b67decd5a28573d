import Feed
import Runtime
import Timeline

/// `/api/events`: single events.
enum EventsCall {
    static let limitMax = 20_000

    static func answer(_ call: APICall) async throws -> WebAnswer {
        let times = try call.parameters.times()
        let limit = try call.parameters.limit("limit", in: 1...limitMax, unless: 5000)
        let lanes = try call.parameters.lanes()
        let filter = try call.parameters.filter()
        let after = try call.parameters["after"].map { text throws(APIError) in try Self.place(text, in: times) }
        let left = (after?.ns ?? times.lowerBound)..<times.upperBound
        let walk = try await call.walk(
            .forwards,
            times: left,
            beyond: after?.position,
            lanes: lanes,
            filter: filter,
            stepEvents: min(8192, max(512, limit))
        )
        let isOver = try await call.timeline.advance(walk, enough: limit + 1, until: call.deadline)
        let watermarkNs = try await call.timeline.ask { book, _ in book.model.figures.watermarkNs }
        let all = walk.value.found
        let found = all.prefix(limit)
        var (next, knownToNs) = (String?.none, min(times.upperBound, watermarkNs ?? times.lowerBound))
        if all.count > limit, let last = found.last?.position {
            next = "\(last.ns).\(last.sequence).\(last.index)"
            knownToNs = last.ns
        } else if !isOver, !walk.value.left.isEmpty {
            next = "\(walk.value.left.lowerBound)"
            knownToNs = walk.value.left.lowerBound
        }
        return WebAnswer(json(found, base: times.lowerBound, watermarkNs, next, knownToNs: knownToNs))
    }

    /// Where a call before came to: a time, from which on, or an event, behind which to go on.
    private static func place(_ text: String, in times: Range<Int64>) throws(APIError) -> (
        ns: Int64, position: EventPosition?
    ) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard let ns = Int64(parts[0]), times.contains(ns), parts.count == 1 || parts.count == 3 else {
            throw .parameter("after is not what next has said")
        }
        guard parts.count == 3 else { return (ns, nil) }
        guard let sequence = UInt64(parts[1]), let index = UInt32(parts[2]) else {
            throw .parameter("after is not what next has said")
        }
        return (ns, EventPosition(ns: ns, sequence: sequence, index: index))
    }

    private static func json(
        _ found: ArraySlice<FoundEvent>,
        base: Int64,
        _ watermarkNs: Int64?,
        _ next: String?,
        knownToNs: Int64
    ) -> JSONBuffer {
        var numbers: [String: Int] = [:]
        var names: [String] = []
        let nameOf = found.map { event in
            if let known = numbers[event.name] { return known }
            numbers[event.name] = names.count
            names.append(event.name)
            return names.count - 1
        }
        let base = found.first?.position.ns ?? base
        var json = JSONBuffer(capacityBytes: 256 + 24 * found.count)
        json.object { json in
            json.member("watermark", ns: watermarkNs)
            json.member("base", ns: base)
            json.key("names")
            json.array { json in for name in names { json.append(name) } }
            json.key("dt")
            var before = base
            json.array { json in
                for event in found {
                    json.append(event.position.ns - before)
                    before = event.position.ns
                }
            }
            json.key("lane")
            json.array { json in for event in found { json.append(event.lane) } }
            json.key("name")
            json.array { json in for number in nameOf { json.append(number) } }
            json.key("seq")
            var sequence: UInt64 = 0
            json.array { json in
                for event in found {
                    json.append(Int64(bitPattern: event.position.sequence &- sequence))
                    sequence = event.position.sequence
                }
            }
            json.key("index")
            json.array { json in for event in found { json.append(event.position.index) } }
            json.key("late")
            json.array { json in
                for (place, event) in found.enumerated() where event.lateNs > 0 {
                    json.array { json in
                        json.append(place)
                        json.append(event.lateNs)
                    }
                }
            }
            json.member("next", next)
            json.member("known_to", ns: knownToNs)
        }
        return json
    }
}

extension APICall {
    /// A walk through events that may be seen.
    /// - Parameter lanes: whose events, and of those below them; nil: all.
    func walk(
        _ direction: EventWalk.Direction,
        times: Range<Int64>,
        beyond: EventPosition?,
        lanes: [UInt32]?,
        filter: FilterExpression?,
        stepEvents: Int
    ) async throws -> TimelineWalk {
        let scope = scope
        return try await timeline.ask { book, _ in
            let table = book.model.lanes
            return TimelineWalk(
                EventWalk(
                    direction,
                    times: times,
                    beyond: beyond,
                    lanes: lanes.flatMap { table.below($0) },
                    view: table.narrowed(table.view(of: scope), by: filter),
                    scope: scope,
                    filter: filter?.decoded,
                    stepEvents: stepEvents
                )
            )
        }
    }
}
