/// Bytes on their way out: grows as renderers append, and is emptied by whoever writes it to a descriptor.
///
/// Memory is kept between batches, so that a running `view` does not allocate. Lines can be much longer than events, so
/// long text leaves by `drain` while its batch is being rendered; the size is bounded by that and by a few lines. Write
/// the rest out after each batch.
package struct OutputBuffer: ~Copyable {
    var pen: OutputPen
    private let drain: ((UnsafeRawBufferPointer) -> Void)?

    /// Text of so many bytes is long.
    static let drainBytes = 4 << 20

    /// - Parameters:
    ///   - capacityBytes: room taken at once.
    ///   - drain: takes long text away, whose bytes are valid while it runs. Nil: a batch's text is held as a whole.
    package init(capacityBytes: Int = 1 << 16, drain: ((UnsafeRawBufferPointer) -> Void)? = nil) {
        pen = OutputPen(capacityBytes: max(capacityBytes, 64))
        self.drain = drain
    }

    deinit {
        pen.deallocate()
    }

    /// Bytes that wait.
    package var count: Int { pen.count }
    package var isEmpty: Bool { pen.count == 0 }

    /// What waits. Valid during `body` only.
    package func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeRawBufferPointer(start: pen.base, count: pen.count))
    }

    /// Gives what waits away if it is long.
    mutating func drainIfLong() {
        guard let drain, pen.count >= Self.drainBytes else { return }
        withUnsafeBytes(drain)
        removeAll()
    }

    /// Forgets what waits, keeping the room.
    package mutating func removeAll() {
        pen.position = pen.base
    }

    package mutating func append(_ text: String) {
        pen.append(text)
    }
}
