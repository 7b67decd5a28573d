/// Something in the process that reads the log at its own pace.
protocol LogFollower: AnyObject, Sendable {
    /// There may be more in the log, or it has ended. Called on the feed's event loop; must not block.
    func pump()
}
