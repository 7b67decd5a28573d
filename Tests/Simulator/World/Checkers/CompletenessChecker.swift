import Feed
import SimulatedRelay

/// Each event that the relay still served has come, or a loss says that it has not.
struct CompletenessChecker {
    private let plan: WorldPlan

    init(_ plan: WorldPlan) {
        self.plan = plan
    }

    /// - Parameter startedNs: when the feed's coordinator began.
    func ended(_ account: FeedAccount, startedNs: UInt64, atNs: UInt64, _ verdict: inout Verdict) {
        var said = [Said](repeating: Said(), count: plan.streams.count)
        for loss in account.losses {
            for index in account.candidates(loss) { said[index].add(loss.record) }
        }
        for index in plan.streams.indices {
            if account.lostSessions.contains(account.key(ofStream: index)) { said[index].isAnyNumber = true }
            let missing = missingPackets(of: index, account)
            guard !missing.isEmpty, !said[index].isAnyNumber else { continue }
            let events = missing.reduce(0) { sum, packet in
                sum + packet.events.count { !account.delivered.contains($0) }
            }
            guard missing.count > said[index].packets, events > said[index].events else { continue }
            guard account.knownStreams.contains(index) || mustBeKnown(index, startedNs: startedNs) else { continue }
            let stream = plan.streams[index]
            let first = missing[0]
            verdict.found(
                .completeness,
                atNs: atNs,
                "stream \(index) (\(account.key(ofStream: index)), live stream \(stream.liveID)): "
                    + "\(events) events of \(missing.count) packets have not come, from \(first.events) on, "
                    + "visible at \(first.visibleNs / 1_000_000) ms; "
                    + "\(said[index].packets) packets and \(said[index].events) events are said to be lost"
            )
        }
    }

    private struct Said {
        var packets = 0
        var events = 0
        /// A loss says that it is not known how many.
        var isAnyNumber = false

        mutating func add(_ record: LossRecord) {
            guard let count = record.count else {
                isAnyNumber = true
                return
            }
            switch (record.unit, record.cause) {
            case (.packets, _): packets += Int(count)
            case (.events, .delivery): events += Int(count)
            // What the tracer discarded was never in a packet.
            case (.events, .tracer): break
            }
        }
    }

    /// Packets with events that have not come, but for those that nobody can have noticed.
    private func missingPackets(of index: Int, _ account: FeedAccount) -> [TruePacket] {
        let stream = plan.streams[index]
        let came = stream.packets.indices.filter { number in
            stream.packets[number].events.contains { account.delivered.contains($0) }
        }
        return stream.packets.indices.filter { number in
            let packet = stream.packets[number]
            guard packet.events.contains(where: { !account.delivered.contains($0) }) else { return false }
            // A gap shows by what is on both of its sides.
            if packet.fate == .cleared, number < came.first ?? .max || number > came.last ?? -1 { return false }
            if isDropped(stream, after: number, lastCame: came.last) { return false }
            return true
        }.map { stream.packets[$0] }
    }

    /// Whether an old relay may have dropped it when its program closed the stream: what is read of such a stream
    /// does not tell whether there was more.
    private func isDropped(_ stream: TrueStream, after number: Int, lastCame: Int?) -> Bool {
        guard stream.closesNs != nil, version(of: stream).minor < 14 else { return false }
        guard !isCalm || !lingers(stream) else { return false }
        return number > lastCame ?? -1
    }

    /// Whether there is time to read all before the stream is closed.
    private func lingers(_ stream: TrueStream) -> Bool {
        guard let closesNs = stream.closesNs, let last = stream.packets.last else { return true }
        return closesNs >= last.visibleNs + .ms(300)
    }

    private func version(of stream: TrueStream) -> RelayVersion {
        let session = plan.sessions[stream.session]
        return plan.relays[session.relay].lives[session.life].script.version
    }

    /// Whether nothing keeps the coordinator from seeing a stream soon.
    private var isCalm: Bool {
        let calm: Set<FaultKind> = [
            .discards, .programs, .stops, .skew, .steps, .drift, .slowSubscribers, .cutSubscribers, .gonePackets,
        ]
        return plan.faults.isSubset(of: calm)
    }

    /// Whether the coordinator was there for long enough, and nothing was wrong with the relay, while the stream was
    /// to be seen.
    private func mustBeKnown(_ index: Int, startedNs: UInt64) -> Bool {
        let stream = plan.streams[index]
        let session = plan.sessions[stream.session]
        let endNs = min(session.endsNs, stream.closesNs ?? .max)
        if endNs >= plan.settledNs { return true }
        let keepsClosed = version(of: stream).minor >= 14
        return isCalm && startedNs == 0 && (keepsClosed || lingers(stream))
    }
}
