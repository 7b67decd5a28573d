import CTF

/// Frames that were cut for a view, kept for other subscribers with the same view.
///
/// Whoever comes to a frame first has it cut, evaluated and encoded; those behind get the same bytes. What a cut
/// depends on is its key: the view (scope, filter and encoding), the frame's number, and which packets the subscriber
/// has not been told of, since these are declared with their first wanted event. So subscribers that began at different
/// places share as soon as their packets are the same, and one that is behind cuts for itself until it has caught up.
/// Nothing is kept of views that one subscriber has alone. Confined to the event loop of a feed's subscribers, as their
/// subscriptions are, which `@unchecked Sendable` stands for.
package final class ViewCache: @unchecked Sendable {
    /// What subscribers have to have in common.
    struct Key: Hashable {
        var scope: ViewScope
        var filter: String?
        var encoding: FeedEncoding
    }

    struct Cut {
        /// What the subscriber had not been told of before and after the frame.
        var undeclaredBefore: Set<UInt64>
        var undeclaredAfter: Set<UInt64>
        var messages: [ByteStorage]
    }

    /// One view, and what is kept of it.
    final class View {
        fileprivate let key: Key
        fileprivate var subscriberCount = 0
        /// By the frame's number.
        fileprivate var cuts: [UInt64: [Cut]] = [:]
        /// The last frame that was kept.
        fileprivate var newestSequence: UInt64 = 0

        fileprivate init(_ key: Key) {
            self.key = key
        }
    }

    private struct Entry {
        weak var view: View?
        var sequence: UInt64
        var bytes: Int
    }

    private let limitBytes: Int
    private var views: [Key: View] = [:]
    /// What is kept, oldest first; those before `oldest` have gone.
    private var entries: [Entry] = []
    private var oldest = 0
    /// Bytes of all messages that are kept.
    private(set) var bytes = 0
    /// Frames that needed not be cut again.
    package private(set) var sharedCount: UInt64 = 0

    /// Views that somebody has.
    var viewCount: Int { views.count }

    /// - Parameter limitBytes: what may be kept of all views together; the newest cut is.
    package init(limitBytes: Int = 32 << 20) {
        self.limitBytes = limitBytes
    }

    fileprivate func enter(_ key: Key) -> View {
        let view = views[key] ?? View(key)
        views[key] = view
        view.subscriberCount += 1
        return view
    }

    fileprivate func leave(_ view: View) {
        view.subscriberCount -= 1
        if view.subscriberCount == 0 { views[view.key] = nil }
        // What one subscriber has alone is of no use to others.
        if view.subscriberCount <= 1 { view.cuts.removeAll() }
    }

    fileprivate func find(_ view: View, _ sequence: UInt64, _ undeclared: Set<UInt64>) -> Cut? {
        guard let cut = view.cuts[sequence]?.first(where: { $0.undeclaredBefore == undeclared }) else { return nil }
        sharedCount += 1
        return cut
    }

    fileprivate func keep(_ cut: Cut, _ view: View, _ sequence: UInt64) {
        // Whoever is behind the others does not push out what is in front of it.
        guard view.subscriberCount > 1, sequence >= view.newestSequence else { return }
        view.newestSequence = sequence
        let bytes = cut.messages.reduce(0) { $0 + $1.capacity }
        view.cuts[sequence, default: []].append(cut)
        entries.append(Entry(view: view, sequence: sequence, bytes: bytes))
        self.bytes += bytes
        while self.bytes > limitBytes, oldest < entries.count - 1 { dropOldest() }
        if oldest > 1024, oldest > entries.count / 2 {
            entries.removeFirst(oldest)
            oldest = 0
        }
    }

    private func dropOldest() {
        let entry = entries[oldest]
        oldest += 1
        bytes -= entry.bytes
        guard let view = entry.view, view.cuts[entry.sequence] != nil else { return }
        view.cuts[entry.sequence]?.removeFirst()
        if view.cuts[entry.sequence]?.isEmpty == true { view.cuts[entry.sequence] = nil }
    }
}

/// A subscriber's place at a shared view; it leaves the view with it.
struct ViewSeat: ~Copyable, @unchecked Sendable {
    private let cache: ViewCache
    private let view: ViewCache.View

    init(_ cache: ViewCache, _ key: ViewCache.Key) {
        self.cache = cache
        view = cache.enter(key)
    }

    deinit {
        cache.leave(view)
    }

    /// What somebody else has had cut, if it is the same.
    func find(_ sequence: UInt64, undeclared: Set<UInt64>) -> ViewCache.Cut? {
        cache.find(view, sequence, undeclared)
    }

    func keep(_ cut: ViewCache.Cut, of sequence: UInt64) {
        cache.keep(cut, view, sequence)
    }
}
