/// Reads the declarations of one of the metadata's languages: TSDL, or the JSON fragments of CTF 2.
protocol DeclarationReader: Sendable {
    associatedtype Scanner: DeclarationScanner

    init(limits: MetadataLimits)

    /// The text has grown by a declaration, which is read next.
    mutating func grew(by byteCount: Int)

    /// The class so far; nil until it has a beginning.
    var traceClass: TraceClass? { get }

    /// Reads one declaration of the top level.
    /// - Parameter position: of its first byte.
    /// - Returns: what it declares that others may name.
    /// - Throws: for an error that tells what is `missing`, nothing has changed.
    mutating func read(
        _ declaration: UnsafeBufferPointer<UInt8>,
        at position: MetadataPosition
    ) throws(MetadataError) -> [MetadataReference]

    /// Whether the end of the text is a declaration; else it is blank, or an error.
    func isDeclaration(_ rest: UnsafeBufferPointer<UInt8>, at position: MetadataPosition) throws(MetadataError) -> Bool
}

/// Finds where declarations end, looking at each byte once.
protocol DeclarationScanner: Sendable {
    init()

    /// Scans `text` from `offset` on.
    /// - Parameter offset: moved behind the declaration that ends, to what a fault is about, or to the end of `text`.
    mutating func findEnd(of text: UnsafeBufferPointer<UInt8>, from offset: inout Int) -> ScanFinding

    /// A part of the text is missing: what comes next need not be a declaration's beginning.
    mutating func resynchronise()
}

enum ScanFinding {
    /// The text ends first.
    case nothing
    /// A declaration ends here.
    case end
    /// What stands before is a part of a declaration whose beginning is missing.
    case skipped
    case fault(MetadataError.Code)
}

/// Text that grows at its end, read declaration by declaration.
///
/// Each declaration is read once, when its last byte has come; what follows it waits for more. One that names what is
/// not declared yet waits as well, while those behind it are read: see `WaitingDeclarations`. The cost of a piece of
/// text is its own length. Memory holds the incomplete declaration, those that wait, and what the reader keeps.
struct GrowingText<Reader: DeclarationReader>: Sendable {
    private var reader: Reader
    private var scanner = Reader.Scanner()
    private var waiting: WaitingDeclarations
    /// Text that no complete declaration has been made of yet.
    private var pending: [UInt8] = []
    /// Bytes of `pending` that `scanner` has seen.
    private var scannedBytes = 0
    /// Of the first byte of `pending`.
    private var position = MetadataPosition()
    /// Declarations read, each of which may have changed the class.
    private(set) var revision: UInt64 = 0

    init(limits: MetadataLimits) {
        reader = Reader(limits: limits)
        waiting = WaitingDeclarations(limits: limits)
    }

    var traceClass: TraceClass? { reader.traceClass }

    /// Takes more text, and reads the declarations that it completes.
    /// - Throws: what can never be read. What waits for a later piece is no error here: see `fault`.
    mutating func append(_ text: [UInt8]) throws(MetadataError) {
        pending.append(contentsOf: text)
        // Taken out, so that it is not copied while the rest of this works.
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
            while true {
                let finding = scanner.findEnd(of: buffer, from: &end)
                let declaration = UnsafeBufferPointer(rebasing: buffer[start..<end])
                switch finding {
                case .nothing: return
                case .end: try take(declaration)
                case .skipped: position = position.moved(over: declaration)
                case .fault(let code): throw MetadataError(code, at: position.moved(over: declaration))
                }
                start = end
            }
        }
    }

    /// What waits for a later piece.
    mutating func fault() -> MetadataError? {
        waiting.fault()
    }

    /// A part of the text is missing here: the declaration that it would have ended is given up.
    mutating func skip() {
        pending = []
        scannedBytes = 0
        scanner.resynchronise()
    }

    /// No more text will come. Now it is judged by the letter: what a declaration names must stand before it.
    mutating func finish() throws(MetadataError) {
        let rest = pending
        pending = []
        scannedBytes = 0
        try rest.withUnsafeBufferPointer { buffer throws(MetadataError) in
            if try reader.isDeclaration(buffer, at: position) { try take(buffer) }
        }
        if let error = waiting.firstForwardReference { throw error }
        guard traceClass != nil else { throw MetadataError(.traceMissing, line: 0, column: 0) }
        if let error = waiting.lack() { throw error }
    }

    /// Reads a declaration, and all that has waited for it.
    private mutating func take(_ declaration: UnsafeBufferPointer<UInt8>) throws(MetadataError) {
        let begin = position
        position = begin.moved(over: declaration)
        waiting.grew(by: declaration.count)
        reader.grew(by: declaration.count)
        try read(declaration, at: begin)
        while let due = waiting.takeDue() {
            try due.text.withUnsafeBufferPointer { text throws(MetadataError) in try read(text, at: due.position) }
        }
    }

    private mutating func read(
        _ declaration: UnsafeBufferPointer<UInt8>,
        at position: MetadataPosition
    ) throws(MetadataError) {
        let provided: [MetadataReference]
        do {
            provided = try reader.read(declaration, at: position)
        } catch {
            guard let reference = error.missing else { throw error }
            let text = Array(declaration)
            try waiting.add(
                WaitingDeclarations.Declaration(text: text, position: position, error: error),
                lacking: reference
            )
            return
        }
        revision += 1
        for reference in provided { waiting.provide(reference) }
    }
}
