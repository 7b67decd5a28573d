import CTF
import EventMerge
import Feed
import LTTngLive

/// What one relay may cost, over all its connections.
extension Coordinator {
    /// Whether there is room for a packet.
    enum Room: Equatable {
        case now
        /// When some of what is kept has left.
        case later
        case never(String)
    }

    /// Over its budget a relay is asked for packets only where they may hold the watermark, and for so many.
    func room(for index: PacketIndex, of stream: RelayStream, _ link: RelayLink) -> Room {
        guard index.contentBytes <= UInt64(limits.packetBytesMax) else {
            return .never("a packet of \(index.contentBytes) bytes is larger than the limit")
        }
        let pending = link.root.pendingBytes
        // Both are far below 2^62.
        let needed = pending + Int(index.contentBytes)
        if pending == 0 || needed <= limits.pendingBytesMax { return .now }
        guard mayHoldWatermark(stream) else { return .later }
        if needed <= limits.urgentBytesMax { return .now }
        return .never("packets of one time of more than \(limits.urgentBytesMax) bytes")
    }

    private func mayHoldWatermark(_ stream: RelayStream) -> Bool {
        guard !outputIsHeld, let slot = stream.frontier else { return false }
        // While nobody knows W, a stream of which nothing is known may be what it waits for.
        guard let bound = frontier.boundNs(slot) else { return true }
        guard let watermark = frontier.watermarkNs else { return false }
        return bound <= watermark
    }

    /// Counts metadata that has come.
    /// - Returns: whether the relay keeps within its bounds; where not, the connection has been given up.
    mutating func admits(metadataBytes: Int, _ link: RelayLink, now: UInt64) -> Bool {
        let root = link.root
        root.metadataBytes += metadataBytes
        guard root.metadataBytes > limits.metadataBytesMax else { return true }
        // Traces that have ended are still in the sum: now it is made anew.
        root.metadataBytes = ([root] + root.children).reduce(0) { sum, link in
            link.traces.values.reduce(sum) { $0 + Int($1.receivedMetadataBytes) }
        }
        guard root.metadataBytes > limits.metadataBytesMax else { return true }
        giveUp(link, "more than \(limits.metadataBytesMax) bytes of metadata", now: now)
        return false
    }

    /// Whether the relay may have one more stream; where not, the connection has been given up.
    mutating func admitsStream(_ link: RelayLink, now: UInt64) -> Bool {
        let count = ([link.root] + link.root.children).reduce(0) { $0 + $1.streams.count }
        guard count >= limits.streamsMax else { return true }
        giveUp(link, "more than \(limits.streamsMax) streams", now: now)
        return false
    }

    private mutating func giveUp(_ link: RelayLink, _ reason: String, now: UInt64) {
        actions.append(.abort(relay: link.index))
        lose(link, reason: "the relay has \(reason) at once", now: now)
        // It is sent again from its beginning.
        for trace in link.parked?.parkedTraces ?? [] { trace.reader = MetadataReader() }
    }
}
