import CTF
package import Feed

/// All that the timeline's page asks for, short of single events: folded from the feed's batches, in order.
///
/// Made anew from a log, by the checkpoint before its oldest frame and the frames behind it as a decoder gives them, it
/// says the same as one that has seen them leave; but times before the log begins are counted by none, and lanes may
/// have other numbers. Confined to one thread at a time.
package struct TimelineModel: ~Copyable, Sendable {
    package struct Limits: Sendable {
        /// What counts may take, bytes, about. Beyond that the finest level of all lanes is given up: `leastLevel` says
        /// which is left.
        package var densityBytes: Int
        /// Lanes that there are at most; what has no room is counted by the lane above.
        package var lanes: Int
        /// Losses and steps that are kept at most.
        package var marks: Int

        package init(densityBytes: Int = 96 << 20, lanes: Int = 20_000, marks: Int = 20_000) {
            self.densityBytes = densityBytes
            self.lanes = lanes
            self.marks = marks
        }
    }

    /// What the feed says about itself.
    package struct Figures: Sendable, Equatable {
        /// The last batch folded in.
        package var sequence: UInt64 = 0
        package var watermarkNs: Int64?
        /// Where the kept log begins; nil while that is the feed's beginning.
        package var beginNs: Int64?
        /// The latest event that has left.
        package var endNs: Int64?
        /// Since the model began, nothing taken away by retention.
        package var events: UInt64 = 0
        package var late: UInt64 = 0
        package var lostRecords: UInt64 = 0
        /// Events that are known to be lost.
        package var lostEvents: UInt64 = 0
        /// Losses of which nobody knows how many events they are.
        package var lostUnknown: UInt64 = 0
        /// Events that are in the feed and cannot be read: in no column.
        package var unreadable: UInt64 = 0
        /// The last that the feed has named, and its lane, 0 where there is none. To be believed while W stands still.
        package var holder: HolderRecord?
        package var holderLane: UInt32 = 0
        package var log: LogRecord?
        /// Why the feed is over; nil while it is not.
        package var end: String?
    }

    package internal(set) var lanes: LaneTable
    package internal(set) var index = TimeIndex()
    package internal(set) var marks: MarkList
    package internal(set) var figures = Figures()
    /// The finest level of which counts are kept.
    package var leastLevel: Int { emptyTrack.least }
    /// Grows with each batch.
    package var revision: UInt64 { lanes.revision }
    /// Bytes of all counts, about.
    package internal(set) var densityBytes = 0

    let limits: Limits
    var scanner = SliceScanner()
    /// What the tracks of lanes begin as.
    var emptyTrack = DensityTrack()
    var changedTimes = ChangedTimes()

    /// - Parameter watermarkNs: W before the oldest frame that is kept; nil at the feed's beginning.
    package init(watermarkNs: Int64? = nil, limits: Limits = Limits()) {
        self.limits = limits
        lanes = LaneTable(lanesMax: limits.lanes)
        marks = MarkList(othersMax: limits.marks)
        figures.watermarkNs = watermarkNs
        figures.beginNs = watermarkNs
        if let watermarkNs { emptyTrack.drop(beforeNs: watermarkNs) }
    }

    // MARK: - Forgetting

    /// The log has let go of frames.
    /// - Parameters:
    ///   - sequence: the oldest one that is kept.
    ///   - watermarkNs: W before it.
    /// - Complexity: O(lanes + chunks of counts).
    package mutating func drop(before sequence: UInt64, watermarkNs: Int64?) {
        lanes.revision += 1
        index.drop(before: sequence)
        guard let watermarkNs, figures.beginNs.map({ $0 < watermarkNs }) ?? true else { return }
        figures.beginNs = watermarkNs
        emptyTrack.drop(beforeNs: watermarkNs)
        lanes.drop(beforeNs: watermarkNs)
        marks.drop(beforeNs: watermarkNs)
        densityBytes = lanes.densityBytes
    }

    /// Gives up detail until counts fit their memory.
    mutating func keepToBudget() {
        while densityBytes > limits.densityBytes, emptyTrack.coarsen() {
            lanes.coarsen()
            densityBytes = lanes.densityBytes
        }
    }

    // MARK: - What has changed

    /// What is new since somebody has asked before.
    package struct Changes: Sendable {
        /// To be given the next time.
        package var revision: UInt64
        /// Where counts have changed, nanoseconds.
        package var times: [ClosedRange<Int64>]
        /// Lanes that are new, or of which more than counts has changed.
        package var declared: [LaneRow]
        /// Lanes whose counts have changed.
        package var counted: [LaneRow]
        /// Lanes that are no more; nil: so many that they have to be asked for anew.
        package var gone: [UInt32]?
        /// Marks that have begun or ended. Whether they may be seen is not looked at.
        package var marks: [Mark]
    }

    /// - Parameters:
    ///   - since: a revision that was seen; 0: none.
    ///   - timesLimit: how many ranges of time at most, > 0.
    ///   - view: what may be seen; nil: all.
    /// - Complexity: O(lanes · log lanes + marks).
    package func changes(since: UInt64, timesLimit: Int = 8, view: LaneView? = nil) -> Changes {
        let rows = lanes.rows(view: view)
        return Changes(
            revision: revision,
            times: changedTimes.ranges(since: since, limit: timesLimit),
            declared: rows.filter { $0.lane.id != 0 && $0.lane.changedAt > since },
            counted: rows.filter { $0.sums.countedAt > since },
            gone: lanes.removed(since: since),
            marks: marks.changed(since: since)
        )
    }
}
