/// Bytes on their way out: grows as renderers append, and is emptied by whoever writes it to a descriptor.
///
/// Memory is kept between batches, so that a running `view` does not allocate. The size is bounded by what one batch
/// renders to: write it out after each one.
package struct OutputBuffer: ~Copyable {
    var pen: OutputPen

    /// - Parameter capacityBytes: room taken at once.
    package init(capacityBytes: Int = 1 << 16) {
        pen = OutputPen(capacityBytes: max(capacityBytes, 64))
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

    /// Forgets what waits, keeping the room.
    package mutating func removeAll() {
        pen.position = pen.base
    }

    package mutating func append(_ text: String) {
        pen.append(text)
    }
}
