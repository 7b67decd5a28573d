/// Finds which receive event belongs to which send event: both carry the same value, which is unique among the messages
/// of a rule.
///
/// Events come in any order. A value that is sent twice says nothing, and is not matched any more; one that is
/// received by several is matched with each. Memory: at most `messagesMax` values of at most `textBytesMax` bytes; the
/// oldest are forgotten.
package struct MessageMatcher: Sendable {
    package static let messagesMax = 65_536
    package static let textBytesMax = 64
    /// Receivers of a value that wait for it to be sent, at most.
    package static let receiversMax = 16

    /// What pairs two events.
    package enum Value: Hashable, Sendable {
        case number(Int128)
        case text([UInt8])
    }

    /// A moment of a host.
    package struct Moment: Sendable, Equatable {
        /// The caller's number of the clock.
        package var clock: Int
        /// What it said, nanoseconds.
        package var atNs: Int64

        package init(clock: Int, atNs: Int64) {
            self.clock = clock
            self.atNs = atNs
        }
    }

    package struct Match: Sendable, Equatable {
        package var sent: Moment
        package var received: Moment
    }

    private struct Key: Hashable {
        var rule: Int
        var value: Value
    }

    private struct Message {
        var sent: Moment?
        var isSpoiled = false
        var waiting: [Moment] = []
    }

    private var messages: [Key: Message] = [:]
    /// Keys in the order in which they came: a ring once it is full.
    private var order: [Key] = []
    private var oldest = 0
    /// Values sent more than once.
    package private(set) var spoiledCount: UInt64 = 0

    package init() {}

    /// - Returns: the matches that it makes.
    package mutating func sent(_ value: Value, rule: Int, _ moment: Moment) -> [Match] {
        guard let key = key(value, rule) else { return [] }
        guard messages[key]?.sent == nil else {
            if messages[key]?.isSpoiled == false { spoiledCount += 1 }
            messages[key]?.isSpoiled = true
            return []
        }
        let waiting = messages[key]?.waiting ?? []
        messages[key]?.sent = moment
        messages[key]?.waiting = []
        return waiting.map { Match(sent: moment, received: $0) }
    }

    /// - Returns: the match that it makes.
    package mutating func received(_ value: Value, rule: Int, _ moment: Moment) -> Match? {
        guard let key = key(value, rule), let message = messages[key], !message.isSpoiled else { return nil }
        if let sent = message.sent { return Match(sent: sent, received: moment) }
        if message.waiting.count < Self.receiversMax { messages[key]?.waiting.append(moment) }
        return nil
    }

    /// Makes room for a value that is new.
    private mutating func key(_ value: Value, _ rule: Int) -> Key? {
        if case .text(let bytes) = value, bytes.count > Self.textBytesMax { return nil }
        let key = Key(rule: rule, value: value)
        guard messages[key] == nil else { return key }
        if order.count < Self.messagesMax {
            order.append(key)
        } else {
            messages[order[oldest]] = nil
            order[oldest] = key
            oldest = (oldest + 1) % Self.messagesMax
        }
        messages[key] = Message()
        return key
    }
}
