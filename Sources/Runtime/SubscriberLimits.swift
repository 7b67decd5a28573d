package import NIOCore

/// Every bound of the feed's listener and of its subscribers.
package struct SubscriberLimits: Sendable {
    /// From the connection to the first message.
    package var handshake = TimeAmount.seconds(10)
    /// From the decision to close until the rest has been taken; whoever takes longer is cut off.
    package var closing = TimeAmount.seconds(5)
    /// From our last byte until the peer has closed too: input is discarded meanwhile, so that no reset of TCP
    /// overtakes an alert or a refusal.
    package var linger = TimeAmount.seconds(1)
    /// From the feed's end until all are closed, whatever they do.
    package var drain = TimeAmount.seconds(10)
    /// Connections that have not subscribed.
    package var pendingConnections = 64
    /// Subscribers.
    package var subscribers = 1024
    /// Of these, with the same identity.
    package var subscribersPerIdentity = 256
    /// What the subscribers of one identity are sent together, bytes a second; nil: whatever they take.
    package var bytesPerSecondPerIdentity: Int?
    /// How far a subscriber that does not want to wait may be behind, in log bytes.
    package var overflowBytes = 16 << 20
    /// Log bytes turned into ciphertext at a time.
    package var readBytes = 256 << 10
    /// Log bytes turned into ciphertext before other subscribers have their turn.
    package var turnBytes = 1 << 20
    /// Ciphertext that waits for a subscriber's socket.
    package var outgoingBytes = 1 << 20
    /// What the kernel keeps of a subscriber's bytes; nil leaves it to the system.
    package var socketBytes: Int?
    /// Batches that wait for the feed's loop.
    package var waitingBatches = 32
    /// Log bytes between two of its checkpoints.
    package var checkpointBytes = 8 << 20

    /// Log bytes that are in memory as well where the log is on disk.
    package var memoryBytes = 32 << 20

    package init() {}
}
