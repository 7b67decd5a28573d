import CTF

/// Turns the log's frames into those of one class of view: what its scope may see and its filter wants, in its
/// encoding.
///
/// Follows the log frame by frame from where it was opened. Not needed for the full scope without a filter in the raw
/// encoding, which gets the log's own bytes.
struct FrameCutter: ~Copyable, Sendable {
    private let encoding: FeedEncoding
    private let limits: FeedLimits
    private var decoder: FrameDecoder
    private var visible: ScopeFilter
    /// Nil where every event that a trace has is sent.
    private var wanted: EventFilter?
    private var raw: FrameEncoder
    private var decoded: DecodedFrameEncoder

    init(
        feed: FeedIdentity,
        scope: ViewScope,
        filter: FilterExpression? = nil,
        encoding: FeedEncoding,
        limits: FeedLimits
    ) {
        self.encoding = encoding
        self.limits = limits
        decoder = FrameDecoder(limits: limits)
        visible = ScopeFilter(scope: scope)
        wanted = filter == nil && !scope.namesEvents ? nil : EventFilter(filter, scope: scope)
        raw = FrameEncoder(feed: feed, limits: limits)
        decoded = DecodedFrameEncoder(feed: feed, limits: limits)
    }

    /// Begins at a checkpoint.
    /// - Returns: the checkpoint as this view sees it.
    mutating func open(_ opening: SubscriptionOpening) throws(FeedError) -> [ByteStorage] {
        for frame in try raw.checkpoint(SubscriptionOpening(state: opening.state)) {
            _ = visible.filter(try decoder.decode(frame.storage).batch) { _ in true }
        }
        // All that have begun are declared by the checkpoint.
        wanted?.undeclared = []
        var seen = opening
        seen.state = opening.state.filtered(visible.scope)
        if encoding == .decoded { seen.state = seen.state.withoutDeclarations }
        return try raw.checkpoint(seen).map { $0.storage }
    }

    /// Packets that the subscriber has not been told of.
    var undeclared: Set<UInt64> { wanted?.undeclared ?? [] }

    /// Takes in a frame that was cut elsewhere.
    /// - Parameter undeclared: as they are after the frame.
    mutating func follow(_ frame: EncodedFrame, undeclared: Set<UInt64>) throws(FeedError) {
        let batch = try decoder.decode(frame.storage).batch
        let state = decoder.state
        _ = visible.filter(batch) { state.traces[$0] != nil }
        wanted?.undeclared = undeclared
    }

    /// - Returns: the frame as this view sees it; also when nothing is left of it but the watermark.
    mutating func cut(_ frame: EncodedFrame) throws(FeedError) -> [ByteStorage] {
        let batch = try decoder.decode(frame.storage).batch
        let state = decoder.state
        var seen = visible.filter(batch) { state.traces[$0] != nil }
        if let cut = wanted?.filter(seen, isLive: { state.packets[$0] != nil }) { seen = cut }
        switch encoding {
        case .raw: return [try raw.frame(seen).storage]
        case .decoded: return try decoded.encode(seen)
        }
    }
}
