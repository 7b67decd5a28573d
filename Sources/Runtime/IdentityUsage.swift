import NIOCore

/// What one identity's subscriptions use together. Confined to the feed's event loop.
final class IdentityUsage {
    var connections = 0
    private var bytesPerSecond: Int?
    /// Bytes that may be sent at once; below zero after a large frame.
    private var allowance: Int
    private var filledAt: NIODeadline

    /// - Parameter bytesPerSecond: nil for no limit; a second's worth may go at once.
    init(bytesPerSecond: Int?, now: NIODeadline) {
        self.bytesPerSecond = bytesPerSecond
        allowance = bytesPerSecond ?? 0
        filledAt = now
    }

    /// Another rate from now on; what it owes by the old one it owes no longer.
    func setRate(_ bytesPerSecond: Int?, now: NIODeadline) {
        guard bytesPerSecond != self.bytesPerSecond else { return }
        self.bytesPerSecond = bytesPerSecond
        allowance = bytesPerSecond ?? 0
        filledAt = now
    }

    func spend(_ bytes: Int) {
        guard bytesPerSecond != nil else { return }
        allowance -= bytes
    }

    /// - Returns: how long nothing may be sent; nil when something may.
    func delay(now: NIODeadline) -> TimeAmount? {
        guard let bytesPerSecond else { return nil }
        let elapsedNs = min(
            (now - filledAt).nanoseconds,
            1_000_000_000 * Int64(1 + max(0, -allowance) / bytesPerSecond)
        )
        let filled = Double(bytesPerSecond) * Double(elapsedNs) / 1_000_000_000
        if filled >= 1 {
            allowance = min(bytesPerSecond, allowance + Int(filled))
            filledAt = now
        }
        guard allowance <= 0 else { return nil }
        let missing = Double(1 - allowance) / Double(bytesPerSecond) * 1_000_000_000
        return .nanoseconds(Int64(missing) + 1_000_000)
    }
}
