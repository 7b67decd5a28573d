/// Puts the fixed-size parts of replies together from whatever pieces the connection delivers.
///
/// A part that lies whole in the input is read where it is; only one that is cut is copied, into a buffer of the
/// longest part's size, which is made for the first one. Payloads never pass through here.
struct ReplyPart: ~Copyable {
    private var buffer = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    /// Bytes collected so far.
    private(set) var count = 0

    deinit {
        buffer.deallocate()
    }

    /// Takes bytes of `input` from `position` on, which moves behind what was taken.
    /// - Returns: the part when all `needed` bytes of it are there; valid until the next call.
    mutating func take(
        _ needed: Int,
        from input: UnsafeRawBufferPointer,
        at position: inout Int
    ) -> UnsafeRawBufferPointer? {
        precondition(needed > 0 && needed <= WireSize.partMax && count < needed)
        let available = input.count - position
        if count == 0, available >= needed {
            defer { position += needed }
            return input.part(position..<position + needed)
        }
        if buffer.baseAddress == nil {
            buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: WireSize.partMax, alignment: 8)
        }
        let taken = min(available, needed - count)
        UnsafeMutableRawBufferPointer(rebasing: buffer[count..<count + taken])
            .copyMemory(from: input.part(position..<position + taken))
        position += taken
        count += taken
        guard count == needed else { return nil }
        count = 0
        return UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<needed])
    }
}
