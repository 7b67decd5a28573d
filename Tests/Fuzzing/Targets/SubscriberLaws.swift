import CTF
import Feed

/// The coordinator's side of a subscription: whatever a subscriber says, it is understood the same however it is split,
/// answered at most once, and a refusal can be read.
enum SubscriberLaws {
    private static let feed = FeedIdentity(id: FeedID(high: 1, low: 2))

    static func check(_ input: UnsafeRawBufferPointer) {
        guard let first = input.first else { return }
        let bytes = 1..<input.count
        let whole = outcome(input, bytes, pieceBytes: max(bytes.count, 1))
        let split = outcome(input, bytes, pieceBytes: Int(first) + 1)
        law(whole.words == split.words, "a request means the same however it is split")
        guard let request = whole.request else { return }
        // What was understood is understood the same when our own client says it.
        guard let client = try? SubscriptionClient(request: request) else { return }
        let again = client.greeting.array.withUnsafeBytes { outcome($0, 0..<$0.count, pieceBytes: $0.count) }
        var expected = request
        expected.encoding = .raw
        law(again.request == expected, "a request that is said again is the same")
    }

    /// What comes of a connection.
    private struct Outcome {
        var words: [String] = []
        var request: SubscribeRequest?
    }

    private static func outcome(_ input: UnsafeRawBufferPointer, _ range: Range<Int>, pieceBytes: Int) -> Outcome {
        var subscription = Subscription(
            peer: PeerIdentity(alternativeNames: ["a"], commonName: nil),
            rules: [AllowRule(identity: "a")],
            feed: feed
        )
        var outcome = Outcome()
        var at = range.lowerBound
        while at < range.upperBound {
            let piece = at..<min(at + pieceBytes, range.upperBound)
            at = piece.upperBound
            switch input.withExactCopy(of: piece, { subscription.received($0) }) {
            case .wait, .acknowledge: continue
            case .abort: return outcome
            case .open(let start):
                outcome.request = subscription.request
                outcome.words.append("open \(start)")
                law(subscription.request != nil, "what is to be opened was asked for")
            case .refuse(let answer, let refusal):
                outcome.words.append("refuse \(refusal)")
                checkAnswer(answer, refusal.code)
            }
        }
        law(outcome.words.count <= 1, "a subscriber is answered once")
        // The shell may refuse it for reasons of its own.
        checkAnswer(subscription.refuse(Refusal(.busy, "too many")), .busy)
        return outcome
    }

    private static func checkAnswer(_ answer: ByteStorage, _ code: Refusal.Code) {
        guard var client = try? SubscriptionClient(request: SubscribeRequest()) else {
            brokenLaw("a plain request can be made")
        }
        guard
            let events = try? answer.array.withUnsafeBytes({ (bytes) throws(FeedError) in try client.received(bytes) }),
            case .refused(let refusal)? = events.first,
            events.count == 1
        else { brokenLaw("a refusal can be read") }
        law(refusal.code == code, "a refusal says its code")
    }

    static var seeds: [FuzzSeed] {
        let token = ResumeToken(feed: feed, sequence: 7, watermarkNs: 1_700_000_000_000_000_000)
        let starts: [SubscriptionStart] = [.earliest, .latest, .time(ns: -5), .time(ns: .max), .token(token)]
        let texts = ["", "x", "$name == \"a*\" && value > 5", String(repeating: "é", count: 200)]
        var seeds: [FuzzSeed] = []
        for (number, start) in starts.enumerated() {
            for (other, text) in texts.enumerated() {
                var request = SubscribeRequest(start: start, filter: other == 2 ? text : "", clientName: text)
                if other == 1 { request.cursor = "own" }
                guard let client = try? SubscriptionClient(request: request) else { continue }
                let bytes = [UInt8(number * 7)] + client.greeting.array
                seeds.append(FuzzSeed(name: "start-\(number)-text-\(other)", bytes: bytes))
            }
        }
        return seeds
    }
}

extension ByteStorage {
    /// A copy of its bytes.
    var array: [UInt8] { withExtendedLifetime(self) { Array(bytes) } }
}
