import LTTngLive

/// A packet that was generated.
struct GeneratedPacket {
    var index: PacketIndex
    /// With padding.
    var bytes: [UInt8]
}

/// The packets of one CPU of a generated host. Any packet can be made at any time: it follows from its number.
///
/// Packet n covers the time from boundary n to boundary n + 1 and lies at byte n x 1 MiB of the stream's file, which
/// has holes that nobody reads.
struct GeneratedStream {
    private static let fileSlotBytes: UInt64 = 1 << 20
    private static let packetEventsMax = 4000

    let host: GeneratedHost
    let cpu: Int
    /// Nanoseconds that a packet covers: the live period or an equal part of it.
    private let windowNs: UInt64

    init(_ host: GeneratedHost, cpu: Int) {
        self.host = host
        self.cpu = cpu
        let periodNs = UInt64(max(host.liveTimerUs, 1000)) * 1000
        let eventsPerPeriod = min(host.eventsPerSecond, 1_000_000) * periodNs / 1_000_000_000
        // Rates go up to 2.5 times the mean.
        windowNs = periodNs / (eventsPerPeriod * 5 / 2 / UInt64(Self.packetEventsMax) + 1)
    }

    // MARK: Time

    /// When packet `number` begins. Strictly increasing.
    private func boundary(_ number: Int) -> UInt64 {
        guard number > 0 else { return host.startsAtNs }
        var numbers = SeededGenerator(host.seed, 3, UInt64(cpu), UInt64(number))
        return host.startsAtNs + UInt64(number) * windowNs + numbers.below(min(200_000, windowNs / 8))
    }

    func packetEnd(_ number: Int) -> UInt64 { boundary(number + 1) }

    /// Packets that are complete at a time.
    func packetCount(at nowNs: UInt64) -> Int {
        guard nowNs > host.startsAtNs else { return 0 }
        let count = Int((nowNs - host.startsAtNs) / windowNs)
        return boundary(count) <= nowNs ? count : count - 1
    }

    /// Events in a packet.
    func eventCount(packet number: Int) -> Int {
        var stretch = SeededGenerator(host.seed, 4, UInt64(cpu), UInt64(number) * windowNs / 5_000_000_000)
        if cpu > 0, stretch.below(5) == 0 { return 0 }
        var numbers = SeededGenerator(host.seed, 5, UInt64(cpu), UInt64(number))
        // A triangle of a minute between half and one and a half of the mean, then anything up to 5/3 of that.
        let second = (boundary(number) / 1_000_000_000 + host.seed % 60) % 60
        let percent = 50 + (second < 30 ? second : 60 - second) * 100 / 30
        let rate = min(host.eventsPerSecond, 1_000_000) * percent / 100 * (33 + numbers.below(134)) / 100
        // Rounded up or down at random, so that low rates still give events.
        let nano = rate * windowNs
        let rest = nano % 1_000_000_000
        let count = nano / 1_000_000_000 + (numbers.below(1_000_000_000) < rest ? 1 : 0)
        return min(Int(count), Self.packetEventsMax)
    }

    // MARK: Bytes

    /// The first byte of the packet that `offset` lies in.
    func fileOffset(of offset: UInt64) -> UInt64 {
        offset / Self.fileSlotBytes * Self.fileSlotBytes
    }

    /// The packet at a byte of the file; nil where no packet below `limit` is.
    func packet(at offset: UInt64, below limit: Int) -> GeneratedPacket? {
        let number = offset / Self.fileSlotBytes
        guard number < UInt64(limit), eventCount(packet: Int(number)) > 0 else { return nil }
        return packet(Int(number), sequenceNumber: packetsWithEvents(below: Int(number)))
    }

    /// Packets before packet `number` that have events: those that are written at all.
    /// - Complexity: O(number).
    func packetsWithEvents(below number: Int) -> Int {
        (0..<number).count { eventCount(packet: $0) > 0 }
    }

    /// - Parameter sequenceNumber: as in the packet's context.
    func packet(_ number: Int, sequenceNumber: Int) -> GeneratedPacket {
        let (begin, end) = (boundary(number), packetEnd(number))
        var writer = GeneratedPacketWriter(
            host: host,
            cpu: cpu,
            number: number,
            sequenceNumber: sequenceNumber,
            begin: begin
        )
        let count = UInt64(eventCount(packet: number))
        for event in 0..<count {
            // Each event has its own part of the time, somewhere in which it happens.
            let first = (end - begin) * event / count
            let last = (end - begin) * (event + 1) / count
            writer.writeEvent(number: event, window: begin + first..<begin + max(last, first + 1))
        }
        let (bytes, contentBytes) = writer.finish(end: end)
        let index = PacketIndex(
            offset: UInt64(number) * Self.fileSlotBytes,
            packetBits: UInt64(bytes.count) * 8,
            contentBits: UInt64(contentBytes) * 8,
            timestampBegin: begin,
            timestampEnd: end
        )
        return GeneratedPacket(index: index, bytes: bytes)
    }
}
