import CTF
import Feed

/// Finds single events in batches out of the log. Fields are read only where a filter asks for them.
struct EventReader: Sendable {
    /// An event of a slice, in the range.
    private struct Candidate {
        /// In the slice.
        var index: Int
        var ns: Int64
        var cursor: EventCursor
    }

    /// Lanes whose events are wanted; nil: all.
    private let lanes: LaneSet?
    private let view: LaneView?
    private var filter: EventFilter?
    private let isNamed: Bool
    private var scanner = SliceScanner()

    /// - Parameter isNamed: whether the events' names are wanted; else they are empty.
    init(lanes: LaneSet?, view: LaneView?, filter: FilterExpression?, scope: ViewScope, isNamed: Bool = true) {
        self.isNamed = isNamed
        self.lanes = lanes
        self.view = view
        self.filter = filter == nil && !scope.namesEvents ? nil : EventFilter(filter, scope: scope)
    }

    /// Appends the wanted events of a batch whose times lie in a range, in no order.
    mutating func read(_ batch: FeedBatch, times: Range<Int64>, _ table: LaneTable, into found: inout [FoundEvent]) {
        scanner.makeUnique()
        let kept = kept(batch)
        var first = 0
        for case .events(let group) in batch.records {
            var candidates: [[Candidate]] = []
            for slice in group.slices {
                candidates.append(isWanted(slice.packet, table) ? read(slice, times, kept?[slice.packet.id]) : [])
            }
            if candidates.contains(where: { !$0.isEmpty }) {
                append(group, candidates, first: first, sequence: batch.sequence, table, into: &found)
            }
            first += group.eventCount
        }
    }

    private func isWanted(_ packet: FeedPacket, _ table: LaneTable) -> Bool {
        guard let lane = table.lane(ofStream: packet.stream.id) else { return false }
        guard lanes?.contains(lane) != false, view?.counted.contains(lane) != false else { return false }
        return packet.program.clockConversion(streamClassID: packet.preamble.streamClassID) != nil
    }

    /// By packet, which of its bits hold events that the filter leaves; nil: all.
    private mutating func kept(_ batch: FeedBatch) -> [UInt64: [Range<UInt64>]]? {
        guard filter != nil, let left = filter?.filtered(batch) else { return nil }
        var kept: [UInt64: [Range<UInt64>]] = [:]
        for case .events(let group) in left.records {
            for slice in group.slices { kept[slice.packet.id, default: []].append(slice.firstBits..<slice.endBits) }
        }
        // A packet that is not there has nothing.
        for case .events(let group) in batch.records {
            for slice in group.slices where kept[slice.packet.id] == nil { kept[slice.packet.id] = [] }
        }
        return kept
    }

    private mutating func read(_ slice: EventSlice, _ times: Range<Int64>, _ kept: [Range<UInt64>]?) -> [Candidate] {
        guard kept?.isEmpty != true else { return [] }
        var candidates: [Candidate] = []
        // Bits ascend, and so do the ranges.
        var range = 0
        _ = scanner.scan(slice) { buffer, first in
            for (index, key) in buffer.keys.enumerated() where times.contains(key.timestampNs) {
                if let kept {
                    while range < kept.count, kept[range].upperBound <= key.startBits { range += 1 }
                    guard range < kept.count, kept[range].contains(key.startBits) else { continue }
                }
                let cursor = EventCursor(positionBits: key.startBits, clockCycles: buffer.cyclesBefore(index))
                candidates.append(Candidate(index: first + index, ns: key.timestampNs, cursor: cursor))
            }
        }
        return candidates
    }

    private func append(
        _ group: EventGroup,
        _ candidates: [[Candidate]],
        first: Int,
        sequence: UInt64,
        _ table: LaneTable,
        into found: inout [FoundEvent]
    ) {
        var gone = [Int](repeating: 0, count: group.slices.count)
        var next = [Int](repeating: 0, count: group.slices.count)
        var late = group.late[...]
        var index = 0
        for run in group.order {
            let (number, count) = (Int(run.slice), Int(run.count))
            guard gone.indices.contains(number) else { continue }
            while next[number] < candidates[number].count {
                let candidate = candidates[number][next[number]]
                guard candidate.index < gone[number] + count else { break }
                next[number] += 1
                let place = index + candidate.index - gone[number]
                while let event = late.first, Int(event.index) < place { late.removeFirst() }
                let lateNs = late.first.map { Int($0.index) == place ? $0.lateNs : 0 } ?? 0
                let slice = group.slices[number]
                guard let name = isNamed ? Self.name(slice, candidate.cursor) : "",
                    let lane = table.lane(ofStream: slice.packet.stream.id)
                else { continue }
                found.append(
                    FoundEvent(
                        position: EventPosition(
                            ns: candidate.ns,
                            sequence: sequence,
                            index: UInt32(clamping: first + place)
                        ),
                        lane: lane,
                        name: name,
                        lateNs: lateNs
                    )
                )
            }
            index += count
            gone[number] += count
        }
    }

    /// - Returns: nil for an event that cannot be read.
    private static func name(_ slice: EventSlice, _ cursor: EventCursor) -> String? {
        let program = slice.packet.program
        var cursor = cursor
        var visitor = SkippingVisitor()
        defer { withExtendedLifetime(slice) {} }
        do throws(PacketError) {
            try program.visitEvent(
                PacketBytes(slice.bytes, firstByte: Int(clamping: slice.firstBits / 8)),
                preamble: slice.packet.preamble,
                cursor: &cursor,
                visitor: &visitor
            )
        } catch {
            return nil
        }
        return visitor.event.map { program.events[$0].eventClass.name }
    }
}
