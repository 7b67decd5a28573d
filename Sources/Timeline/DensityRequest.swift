/// Which counts are asked for: columns of 2^level nanoseconds, the first of which begins at `fromNs`.
package struct DensityRequest: Sendable, Equatable {
    package static let columnsMax = 1024
    package static let lanesMax = 512
    package static let cellsMax = 262_144

    package let level: Int
    /// A multiple of 2^level, nanoseconds.
    package let fromNs: Int64
    package let columns: Int
    /// Ascending, each once. Those that there are not are left out of the answer.
    package let lanes: [UInt32]

    /// - Parameter least: the finest level of which counts are kept.
    /// - Throws: what is too much, or does not fit.
    package init(
        level: Int,
        fromNs: Int64,
        columns: Int,
        lanes: [UInt32],
        least: Int
    ) throws(TimelineError) {
        guard level >= least, level <= DensityTrack.greatestLevel else {
            throw .range("level is \(least) to \(DensityTrack.greatestLevel)")
        }
        guard columns > 0, columns <= Self.columnsMax else { throw .range("columns is 1 to \(Self.columnsMax)") }
        guard lanes.count <= Self.lanesMax else { throw .range("lanes are at most \(Self.lanesMax)") }
        guard lanes.count * columns <= Self.cellsMax else {
            throw .range("lanes times columns is at most \(Self.cellsMax)")
        }
        guard fromNs & (1 << Int64(level) - 1) == 0 else { throw .parameter("from is no multiple of 2^level") }
        self.level = level
        self.fromNs = fromNs
        self.columns = columns
        self.lanes = Set(lanes).sorted()
    }

    /// From the first column on, up to the end of the last one or of time.
    package var times: Range<Int64> {
        let (end, overflow) = fromNs.addingReportingOverflow(Int64(columns) << Int64(level))
        return fromNs..<(overflow ? .max : end)
    }

    /// Whether all columns lie below a time.
    func isBelow(_ watermarkNs: Int64) -> Bool {
        let (end, overflow) = fromNs.addingReportingOverflow(Int64(columns) << Int64(level))
        return !overflow && end <= watermarkNs
    }
}
