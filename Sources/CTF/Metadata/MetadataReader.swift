/// Reads a trace's metadata, which may grow: GET_METADATA replies one by one, or a file at once.
///
/// A value: a copy goes on by itself. Text comes in packets or plain, which each reply shows anew; what it is written
/// in (TSDL of CTF 1.8, or the JSON fragments of CTF 2) is told by its first byte.
///
/// Metadata that cannot be used yet may heal with a later piece:
/// - A declaration that names a type, a clock or an entry of the environment that is not declared waits for it, while
///   what stands behind it is read. `WaitingDeclarations` says what that may cost.
/// - Behind a packet header that is bad, the reader goes on with the first reply that begins with a good one. What has
///   been passed over is missing: packets that need it are told so.
///
/// Until then each call throws what is wrong. Any other error is final, as the text that it is about cannot get better
/// by growing: each later call throws it again. The class of what has been read stays in any case.
package struct MetadataReader: Sendable {
    private let limits: MetadataLimits
    private var packets = MetadataPacketReader()
    /// One of the two, once the first byte has come.
    private var tsdl: GrowingText<TSDLReader>?
    private var ctf2: GrowingText<CTF2Reader>?
    private var failure: MetadataError?

    /// The newest class that is complete; nil until the trace block has been read.
    package private(set) var traceClass: TraceClass?
    /// Bytes of text that have come in, without packet headers and padding, the incomplete end included.
    package private(set) var textBytes: UInt64 = 0
    /// Grows whenever `traceClass` may have changed.
    package var revision: UInt64 { (tsdl?.revision ?? 0) + (ctf2?.revision ?? 0) }

    package init(limits: MetadataLimits = MetadataLimits()) {
        self.limits = limits
    }

    /// Takes one GET_METADATA reply, a file, or a piece of either, and reads the declarations that it completes.
    ///
    /// The end of the text may be missing: it waits for the next call.
    /// - Throws: why the metadata as it is by now cannot be used; see above for what may heal.
    /// - Complexity: O(bytes), and a copy of the event class list when an earlier `traceClass` is still held.
    package mutating func append(_ bytes: UnsafeRawBufferPointer) throws(MetadataError) {
        if let failure { throw failure }
        var text: [UInt8] = []
        let gapCount = packets.gapCount
        packets.read(bytes, into: &text)
        do throws(MetadataError) {
            // What stood before a bad packet counts, however the bytes have been cut.
            try read(text)
        } catch {
            failure = error
            throw error
        }
        if packets.gapCount > gapCount {
            tsdl?.skip()
            ctf2?.skip()
        }
        if let fault = packets.fault ?? tsdl?.fault() ?? ctf2?.fault() { throw fault }
    }

    /// Says that no more will come: an incomplete packet or declaration, or a missing trace block, is an error now, and
    /// so is a name that was used before it was declared, though it has been by now.
    package mutating func finish() throws(MetadataError) {
        if let failure { throw failure }
        do throws(MetadataError) {
            var text: [UInt8] = []
            try packets.finish(into: &text)
            try read(text)
            guard tsdl != nil || ctf2 != nil else { throw MetadataError(.traceMissing, line: 0, column: 0) }
            defer { traceClass = tsdl?.traceClass ?? ctf2?.traceClass }
            try tsdl?.finish()
            try ctf2?.finish()
        } catch {
            failure = error
            throw error
        }
    }

    private mutating func read(_ text: [UInt8]) throws(MetadataError) {
        guard let first = text.first else { return }
        guard UInt64(text.count) <= limits.textBytesMax - textBytes else {
            throw MetadataError(.textTooLong, line: 0, column: 0, subject: "more than \(limits.textBytesMax) bytes")
        }
        textBytes += UInt64(text.count)
        if tsdl == nil, ctf2 == nil {
            if first == CTF2FragmentScanner.separator {
                ctf2 = GrowingText(limits: limits)
            } else {
                tsdl = GrowingText(limits: limits)
            }
        }
        // Given back while the reader works, so that its arrays are not copied.
        traceClass = nil
        defer { traceClass = tsdl?.traceClass ?? ctf2?.traceClass }
        try tsdl?.append(text)
        try ctf2?.append(text)
    }
}
