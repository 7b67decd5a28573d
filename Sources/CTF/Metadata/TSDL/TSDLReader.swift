/// Reads TSDL text (CTF 1.8) that grows at its end.
///
/// Each declaration of the top level is read once, when its last byte has come; what follows it waits for more. The
/// cost of a piece of text is its own length. Memory holds the incomplete declaration, the names of types, and the
/// trace class.
struct TSDLReader: Sendable {
    private let limits: MetadataLimits
    /// Text that no complete declaration has been made of yet.
    private var pending: [UInt8] = []
    /// Bytes of `pending` that `scanner` has seen.
    private var scannedBytes = 0
    /// Of the first byte of `pending`.
    private var position = MetadataPosition()
    private var scanner = TSDLDeclarationScanner()
    /// The names of types outside of all blocks.
    private var scope = TSDLScope()
    private var declarationsLeft: Int
    private var builder: TSDLTraceBuilder

    init(limits: MetadataLimits) {
        self.limits = limits
        declarationsLeft = limits.declarationsMax
        builder = TSDLTraceBuilder(limits: limits)
    }

    /// The class so far; nil until the trace block has come.
    var traceClass: TraceClass? { builder.traceClass }

    /// Takes more text, and reads the declarations that it completes.
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
            while scanner.findEnd(of: buffer, from: &end) {
                try read(UnsafeBufferPointer(rebasing: buffer[start..<end]))
                start = end
            }
        }
    }

    /// No more text will come.
    mutating func finish() throws(MetadataError) {
        let text = pending
        pending = []
        scannedBytes = 0
        // Blanks and comments may stand at the end; anything else is a declaration without its end.
        try text.withUnsafeBufferPointer { buffer throws(MetadataError) in
            var lexer = TSDLLexer(buffer, at: position)
            if case .end = try lexer.next().kind {
                position = lexer.position
                return
            }
            try read(buffer)
        }
        guard traceClass != nil else { throw MetadataError(.traceMissing, line: 0, column: 0) }
        try builder.finish()
    }

    private mutating func read(_ declaration: UnsafeBufferPointer<UInt8>) throws(MetadataError) {
        // Taken out, so that the parser can add to it without a copy.
        let scope = self.scope
        self.scope = TSDLScope()
        var parser = try TSDLParser(
            declaration,
            at: position,
            scope: consume scope,
            declarationsLeft: declarationsLeft,
            limits: limits
        )
        let result = try parser.parse()
        guard case .end = parser.token.kind else { throw parser.unexpected("the end of the declaration") }
        position = parser.endPosition
        declarationsLeft = parser.declarationsLeft
        self.scope = parser.takeScope()
        try builder.add(result)
    }
}
