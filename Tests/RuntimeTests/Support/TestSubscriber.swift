import Feed
import NIOCore
import NIOPosix
import TLS

@testable import Runtime

/// A subscriber by `FeedClient`, and what it got.
final class TestSubscriber: Sendable {
    struct Seen: Sendable {
        var isWelcomed = false
        var feed: FeedIdentity?
        var commonSequence: UInt64?
        var notices: [LogRecord] = []
        var logs: [LogRecord] = []
        /// Token of the frame with each number.
        var tokens: [UInt64: ResumeToken] = [:]
        var frames: [ReceivedFrame] = []
        /// Which events came, in order.
        var events: [EventIdentity] = []
        var numbers: [UInt64] = []
        var gaps: [GapRecord] = []
        var token: String?
        var connection: FeedConnection?
        var end: FeedClientEnd?
    }

    let recorder = Recorder(Seen())

    init(
        address: RelayAddress,
        tls: TLSContext,
        start: SubscriptionStart = .earliest,
        cursor: String = "",
        overflow: OverflowPolicy = .wait,
        isPausedAfterWelcome: Bool = false
    ) {
        let recorder = recorder
        Task {
            let end = await FeedClient.run(
                address: address,
                tls: tls,
                request: SubscribeRequest(start: start, clientName: "test", cursor: cursor, overflow: overflow),
                group: MultiThreadedEventLoopGroup.singleton
            ) { event in
                switch event {
                case .welcomed(let welcome):
                    if isPausedAfterWelcome { recorder.seen.connection?.setReading(false) }
                    recorder.update {
                        $0.isWelcomed = true
                        $0.feed = welcome.feed
                        $0.commonSequence = welcome.commonSequence
                    }
                case .frame(let frame): recorder.update { $0.take(frame) }
                }
            } channel: { connection in
                recorder.update { $0.connection = connection }
            }
            recorder.update { $0.end = end }
        }
    }

    /// Waits for the end of the subscription.
    var end: FeedClientEnd {
        get async { await recorder.until { $0.end != nil }.end ?? .stopped }
    }

    func stop() { recorder.seen.connection?.stop() }

    deinit { stop() }
}

extension TestSubscriber.Seen {
    mutating func take(_ frame: ReceivedFrame) {
        frames.append(frame)
        token = frame.token ?? token
        for record in frame.batch.records {
            switch record {
            case .gap(let gap): gaps.append(gap)
            case .log(let log): if frame.isNotice { notices.append(log) } else { logs.append(log) }
            case .events(let group): events += EventIdentity.all(of: group)
            default: break
            }
        }
        if let text = frame.token { tokens[frame.batch.sequence] = ResumeToken(text: text) }
        if !frame.isCheckpoint { numbers += frame.batch.numbers }
    }
}

/// Which event of the feed is meant.
struct EventIdentity: Hashable, Sendable {
    var packet: UInt64
    var sliceFirstBits: UInt64
    var indexInSlice: Int

    /// The events of a group in their order.
    static func all(of group: EventGroup) -> [EventIdentity] {
        var taken = [Int](repeating: 0, count: group.slices.count)
        var events: [EventIdentity] = []
        for run in group.order {
            let slice = group.slices[Int(run.slice)]
            for _ in 0..<run.count {
                events.append(
                    EventIdentity(
                        packet: slice.packet.id,
                        sliceFirstBits: slice.firstBits,
                        indexInSlice: taken[Int(run.slice)]
                    )
                )
                taken[Int(run.slice)] += 1
            }
        }
        return events
    }
}
