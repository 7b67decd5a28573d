internal import CHints

/// Streams whose following events are read a little later than their heads leave.
///
/// With many streams a stream's keys have left near memory by its next turn: they are asked for when its head leaves,
/// and read when a few others have left. Reading is done as often as wanted, so there may be the same slot twice.
struct LaterReads {
    /// With less of them keys stay near, and a stream's next turn comes too soon.
    static let streamsMin = 1024
    static let count = 8
    /// Stands for a time that has not been read. A time that is equal is read once more.
    static let notRead = UInt64.max

    private let slots: UnsafeMutablePointer<UInt32>
    private var turn = 0

    /// - Parameters:
    ///   - room: for `count` slots.
    ///   - slot: of any stream.
    @inline(__always)
    init(_ room: UnsafeMutablePointer<UInt32>, _ slot: Int) {
        slots = room
        for place in 0..<LaterReads.count { slots[place] = UInt32(truncatingIfNeeded: slot) }
    }

    /// The stream's present head has changed.
    @inline(__always)
    mutating func add(_ slot: Int, _ states: UnsafeMutablePointer<SlotState>) {
        let place = turn & (LaterReads.count - 1)
        turn &+= 1
        (states + Int(slots[place])).pointee.readFollowing()
        slots[place] = UInt32(truncatingIfNeeded: slot)
        let state = states + slot
        tidemark_prefetch(state.pointee.next + 1)
        state.pointee.followingTime = LaterReads.notRead
    }

    /// Reads what is left to be read.
    @inline(never)
    func finish(_ states: UnsafeMutablePointer<SlotState>) {
        for place in 0..<LaterReads.count { (states + Int(slots[place])).pointee.readFollowing() }
    }
}
