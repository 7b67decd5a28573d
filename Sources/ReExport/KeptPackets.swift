import Feed

/// The packets of a stream that are kept for a viewer.
struct KeptPackets: Sendable {
    /// The packet whose events are leaving.
    private(set) var open: ExportedPacket?
    /// Complete ones, in order, that were not asked for.
    private(set) var ready = PacketQueue()
    /// Those that were asked for last, at most `servedMax`: a viewer may fetch a packet when it has asked for the next.
    private(set) var served: [ExportedPacket] = []
    private var readyBytes = 0
    private var servedBytes = 0

    static let servedMax = 2

    /// - Complexity: O(1).
    var bytes: KeptBytes { KeptBytes(open: open?.keptBytes ?? 0, ready: readyBytes, served: servedBytes) }

    /// Changes it, and the sum of what is kept of all streams with it.
    mutating func counted<Result>(in sum: inout KeptBytes, _ body: (inout KeptPackets) -> Result) -> Result {
        sum -= bytes
        defer { sum += bytes }
        return body(&self)
    }

    // MARK: The packet whose events are leaving

    mutating func begin(_ packet: FeedPacket, _ head: PacketHead) {
        open = ExportedPacket(packet, head: head)
    }

    /// - Returns: false where it is not the open packet that the slice belongs to.
    mutating func append(_ slice: EventSlice, isLate: Bool) -> Bool {
        guard open?.id == slice.packet.id else { return false }
        open?.append(slice)
        if isLate { open?.withhold() }
        return true
    }

    mutating func withholdOpen() {
        open?.withhold()
    }

    /// Nothing more comes of it.
    mutating func takeOpen() -> ExportedPacket? {
        defer { open = nil }
        return open
    }

    // MARK: Complete packets

    mutating func append(ready packet: ExportedPacket) {
        readyBytes += packet.keptBytes
        ready.append(packet)
    }

    mutating func removeFirstReady() -> ExportedPacket? {
        guard let packet = ready.removeFirst() else { return nil }
        readyBytes -= packet.keptBytes
        return packet
    }

    /// Some more are missing in front of all that wait: events, and packets before the first.
    /// - Returns: false where none waits.
    mutating func count(withheld events: UInt64, missing packets: UInt64) -> Bool {
        var isFirst = true
        ready.change { packet in
            packet.withheldBefore += events
            if isFirst { packet.missingBefore.addSaturating(packets) }
            isFirst = false
        }
        return !isFirst
    }

    // MARK: Packets that were asked for

    mutating func append(served packet: ExportedPacket) {
        servedBytes += packet.keptBytes
        served.append(packet)
        if served.count > Self.servedMax { _ = removeFirstServed() }
    }

    mutating func removeFirstServed() -> ExportedPacket? {
        guard let packet = served.first else { return nil }
        served.removeFirst()
        servedBytes -= packet.keptBytes
        return packet
    }

    /// The packet in which all of a part of the stream's file lies, that part, and zeros behind the content: what is
    /// there is padding, of which the feed has none.
    /// - Parameter offset: bytes, as `ExportedPacket.offset`.
    /// - Returns: nil where none is kept that has all of it.
    mutating func fetch(offset: UInt64, count: Int) -> [UInt8]? {
        let (end, overflow) = offset.addingReportingOverflow(UInt64(count))
        guard !overflow,
            let index = served.lastIndex(where: { offset >= $0.offset && end - $0.offset <= $0.byteCount })
        else { return nil }
        let packet = served[index]
        // In the packet, so it fits.
        let first = Int(offset - packet.offset)
        if first + count >= packet.bytes.count { served[index].isFetched = true }
        var bytes = Array(packet.bytes[min(first, packet.bytes.count)..<min(first + count, packet.bytes.count)])
        bytes += repeatElement(0, count: count - bytes.count)
        return bytes
    }
}

/// Packets, first in, first out.
struct PacketQueue: Sendable {
    /// Nil before `head`: those have been taken.
    private var packets: [ExportedPacket?] = []
    private var head = 0

    var isEmpty: Bool { head == packets.count }
    var first: ExportedPacket? { isEmpty ? nil : packets[head] }

    mutating func append(_ packet: ExportedPacket) {
        packets.append(packet)
    }

    /// - Complexity: O(1), amortized.
    mutating func removeFirst() -> ExportedPacket? {
        guard let packet = first else { return nil }
        packets[head] = nil
        head += 1
        if head * 2 > packets.count {
            packets.removeFirst(head)
            head = 0
        }
        return packet
    }

    /// Changes each, in order.
    /// - Parameter body: must leave its bytes as they are.
    mutating func change(_ body: (inout ExportedPacket) -> Void) {
        for index in head..<packets.count {
            guard var packet = packets[index] else { continue }
            packets[index] = nil
            body(&packet)
            packets[index] = packet
        }
    }
}

/// Packet bytes that are kept for a viewer, by what they wait for.
struct KeptBytes: Sendable, Equatable {
    /// Of packets that are not complete.
    var open = 0
    /// Of those that were not asked for.
    var ready = 0
    /// Of those that can be fetched.
    var served = 0

    static func += (left: inout KeptBytes, right: KeptBytes) {
        left.open += right.open
        left.ready += right.ready
        left.served += right.served
    }

    static func -= (left: inout KeptBytes, right: KeptBytes) {
        left.open -= right.open
        left.ready -= right.ready
        left.served -= right.served
    }

    var all: Int { open + ready + served }
}
