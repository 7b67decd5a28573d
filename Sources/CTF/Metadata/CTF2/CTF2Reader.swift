/// Reads the metadata of CTF 2, a sequence of JSON fragments that grows at its end.
///
/// Each fragment is read once, when its last byte has come; what follows it waits for more. Memory holds the incomplete
/// fragment, the field-class aliases, and the trace class.
struct CTF2Reader: Sendable {
    private let limits: MetadataLimits
    /// Text that no complete fragment has been made of yet.
    private var pending: [UInt8] = []
    /// Bytes of `pending` that `scanner` has seen.
    private var scannedBytes = 0
    /// Of the first byte of `pending`.
    private var position = MetadataPosition()
    private var scanner = CTF2FragmentScanner()
    private var valuesLeft: Int
    private var builder: CTF2TraceBuilder

    init(limits: MetadataLimits) {
        self.limits = limits
        valuesLeft = limits.valuesMax
        builder = CTF2TraceBuilder(limits: limits)
    }

    /// The class so far; nil until the trace class, or a data stream class without one, has come.
    var traceClass: TraceClass? { builder.traceClass }

    /// Takes more text, and reads the fragments that it completes.
    mutating func append(_ text: [UInt8]) throws(MetadataError) {
        pending.append(contentsOf: text)
        // Taken out, so that it is not copied while the rest of the reader works.
        var text = pending
        pending = []
        var start = 0
        defer {
            text.removeFirst(start)
            scannedBytes = text.count
            pending = text
        }
        try text.withUnsafeBufferPointer { buffer throws(MetadataError) in
            var end = scannedBytes
            while try findEnd(of: buffer, start: start, end: &end) {
                try read(UnsafeBufferPointer(rebasing: buffer[start..<end]))
                start = end
            }
        }
    }

    /// No more text will come.
    mutating func finish() throws(MetadataError) {
        guard !scanner.isInFragment else {
            throw MetadataError(.unexpectedEnd, at: position, "fragment without end")
        }
        try builder.finish()
    }

    private mutating func findEnd(
        of text: UnsafeBufferPointer<UInt8>,
        start: Int,
        end: inout Int
    ) throws(MetadataError) -> Bool {
        switch scanner.findEnd(of: text, from: &end) {
        case .nothing: return false
        case .end: return true
        case .fault(let code):
            var position = position
            for byte in text[start..<end] { position.move(over: byte) }
            throw MetadataError(code, at: position, "in a fragment of CTF 2")
        }
    }

    /// Reads a fragment, with separators and blanks before it.
    private mutating func read(_ fragment: UnsafeBufferPointer<UInt8>) throws(MetadataError) {
        var start = 0
        while fragment[start] != UInt8(ascii: "{") {
            position.move(over: fragment[start])
            start += 1
        }
        var parser = JSONParser(
            UnsafeBufferPointer(rebasing: fragment[start...]),
            at: position,
            // A member of a structure lies three values deeper than the structure.
            nestingMax: limits.nestingMax * 4 + 16,
            valuesLeft: valuesLeft
        )
        let value = try parser.parse()
        position = parser.position
        valuesLeft = parser.valuesLeft
        try builder.add(value)
    }
}

extension MetadataPosition {
    fileprivate mutating func move(over byte: UInt8) {
        if byte == UInt8(ascii: "\n") {
            line += 1
            column = 1
        } else {
            column += 1
        }
    }
}
