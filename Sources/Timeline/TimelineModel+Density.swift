/// A lane that is asked for, and its counts by plane and column, where there are any.
private struct DensityRow {
    var id: UInt32
    var planes: [[UInt64]] = [[], [], []]

    mutating func add(_ counts: [UInt64], plane: Int) {
        guard !planes[plane].isEmpty else {
            planes[plane] = counts
            return
        }
        for column in counts.indices { planes[plane][column] = planes[plane][column].plus(counts[column]) }
    }
}

extension TimelineModel {
    /// The body of an answer with counts.
    /// - Parameter view: what may be seen, and whose counts sums are made of; nil: all.
    /// - Complexity: O(lanes of the table + columns that are not 0 of the lanes asked for and all below them).
    package func density(_ request: DensityRequest, view: LaneView? = nil) -> [UInt8] {
        density(request, view: view, known: nil) { $0.counts }
    }

    /// The same of counts that are kept elsewhere.
    /// - Parameters:
    ///   - known: which columns are known; nil: all.
    ///   - countsOf: a lane's own counts; nil where it has none.
    func density(
        _ request: DensityRequest,
        view: LaneView?,
        known: Range<Int>?,
        _ countsOf: (LaneTable.Entry) -> LaneCounts?
    ) -> [UInt8] {
        var rows: [DensityRow] = []
        // By place in the table: the closest row that counts what the lane counts, itself or one above; and of rows,
        // the next one above.
        var rowOfEntry = [Int32](repeating: -1, count: lanes.entries.count)
        var rowAbove: [Int32] = []
        var wanted = request.lanes[...]
        for (position, entry) in lanes.entries.enumerated() {
            let id = entry.lane.id
            let above = id == 0 ? nil : lanes.index(of: entry.lane.parent).map { rowOfEntry[$0] }
            rowOfEntry[position] = above ?? -1
            while let first = wanted.first, first < id { wanted.removeFirst() }
            guard wanted.first == id, view?.shown.contains(id) != false else { continue }
            rowOfEntry[position] = Int32(rows.count)
            rowAbove.append(above ?? -1)
            rows.append(DensityRow(id: id))
        }
        let first = request.fromNs >> Int64(request.level)
        var counts = [UInt64](repeating: 0, count: request.columns)
        for (position, entry) in lanes.entries.enumerated() {
            guard rowOfEntry[position] >= 0, view?.counted.contains(entry.lane.id) != false else { continue }
            guard let own = countsOf(entry) else { continue }
            for (number, plane) in LaneCounts.Plane.allCases.enumerated() {
                guard let track = own[plane],
                    track.addColumns(level: request.level, from: first, to: &counts)
                else { continue }
                var row = rowOfEntry[position]
                while row >= 0 {
                    rows[Int(row)].add(counts, plane: number)
                    row = rowAbove[Int(row)]
                }
                for column in counts.indices { counts[column] = 0 }
            }
        }
        var body = DensityEncoding(request, watermarkNs: figures.watermarkNs, known: known)
        for row in rows { body.append(lane: row.id, planes: row.planes) }
        return body.finish()
    }
}
