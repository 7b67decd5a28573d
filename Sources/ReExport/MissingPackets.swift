import Feed

/// How many packets of a stream a viewer does not get between those that it gets: lost ones, and such as are withheld.
///
/// The feed says a loss when the packet behind it is found, which may be before earlier packets have left.
struct MissingPackets: Sendable {
    /// Since the last packet that was complete.
    private var passed: UInt64 = 0
    /// By which packets they show, in the order in which they were said.
    private var lost: [(packet: PacketPlace, count: UInt64)] = []
    /// Some of `lost` are no longer known.
    private var isIncomplete = false

    private static let lostMax = 1024

    /// - Parameters:
    ///   - count: nil where nobody knows.
    ///   - packet: by which it shows; nil: by the next.
    mutating func add(_ count: UInt64?, before packet: PacketPlace? = nil) {
        guard let packet else { return passed.addSaturating(count ?? .max) }
        if lost.count == Self.lostMax {
            lost.removeFirst()
            isIncomplete = true
        }
        lost.append((packet, count ?? .max))
    }

    /// The next packet is complete.
    /// - Returns: how many are missing before it; the most that there is where nobody knows.
    mutating func take(before packet: PacketPlace) -> UInt64 {
        var count = isIncomplete ? .max : passed
        passed = 0
        guard !lost.isEmpty else { return count }
        for loss in lost where !loss.packet.isAfter(packet) { count.addSaturating(loss.count) }
        lost.removeAll { !$0.packet.isAfter(packet) }
        if lost.isEmpty { isIncomplete = false }
        return count
    }
}

extension UInt64 {
    /// The sum, or the most that there is.
    func addingSaturating(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    mutating func addSaturating(_ other: UInt64) {
        self = addingSaturating(other)
    }
}
