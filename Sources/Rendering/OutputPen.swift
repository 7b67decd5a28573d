/// The unsafe handle under `OutputBuffer`: a growable run of bytes and where the next one goes.
///
/// All pointer arithmetic of rendering's output lives here and in this file's extensions. The rule that makes it
/// fast: after `reserve(n)` there is room for n + `slackBytes`, so that short texts are copied in whole blocks which
/// may reach past their end, and numbers are written before their length is known. A pen is a plain value that
/// visitors carry about; whoever lends one takes it back and is alone in freeing it.
struct OutputPen: BitwiseCopyable {
    /// Bytes that may be written past what was reserved.
    static let slackBytes = 64
    /// The largest text that one buffer holds; a batch is far smaller.
    static let capacityBytesMax = 1 << 40

    private(set) var base: UnsafeMutablePointer<UInt8>
    var position: UnsafeMutablePointer<UInt8>
    private var limit: UnsafeMutablePointer<UInt8>

    init(capacityBytes: Int) {
        base = .allocate(capacity: capacityBytes + Self.slackBytes)
        position = base
        limit = base + capacityBytes
    }

    func deallocate() {
        base.deallocate()
    }

    /// Bytes written.
    @inline(__always)
    var count: Int { position - base }

    /// Bytes that there is room for.
    var capacityBytes: Int { limit - base }

    /// Makes room for `count` bytes and the slack.
    @inline(__always)
    mutating func reserve(_ count: Int) {
        if _slowPath(limit - position < count) { grow(count) }
    }

    @inline(never)
    private mutating func grow(_ more: Int) {
        let used = count
        precondition(more >= 0 && more <= Self.capacityBytesMax - used)
        let capacity = max(used + more, (limit - base) * 2)
        let newBase = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity + Self.slackBytes)
        newBase.update(from: base, count: used)
        base.deallocate()
        base = newBase
        position = newBase + used
        limit = newBase + capacity
    }

    @inline(__always)
    mutating func append(_ byte: UInt8) {
        reserve(1)
        position.pointee = byte
        position += 1
    }

    /// Appends a text of at most `slackBytes` bytes that the compiler knows.
    @inline(__always)
    mutating func appendLiteral(_ literal: StaticString) {
        let count = literal.utf8CodeUnitCount
        reserve(count)
        position.update(from: literal.utf8Start, count: count)
        position += count
    }

    mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        reserve(bytes.count)
        UnsafeMutableRawPointer(position).copyMemory(from: start, byteCount: bytes.count)
        position += bytes.count
    }

    /// Appends `count` bytes in blocks of sixteen.
    /// - Parameter start: readable for sixteen bytes past the last one.
    @inline(__always)
    mutating func appendPadded(_ start: UnsafePointer<UInt8>, count: Int) {
        reserve(count)
        let source = UnsafeRawPointer(start)
        let target = UnsafeMutableRawPointer(position)
        var offset = 0
        repeat {
            target.storeBytes(
                of: source.loadUnaligned(fromByteOffset: offset, as: SIMD16<UInt8>.self),
                toByteOffset: offset,
                as: SIMD16<UInt8>.self
            )
            offset += 16
        } while offset < count
        position += count
    }
}
