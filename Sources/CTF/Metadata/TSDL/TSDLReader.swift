/// Reads the declarations of TSDL (CTF 1.8): a parser for each, and a builder that relates them.
///
/// Memory holds the names of types and the trace class.
struct TSDLReader: DeclarationReader {
    typealias Scanner = TSDLDeclarationScanner

    private let limits: MetadataLimits
    /// The names of types outside of all blocks.
    private var scope = TSDLScope()
    private var declarationsLeft: Int
    private var builder: TSDLTraceBuilder

    init(limits: MetadataLimits) {
        self.limits = limits
        declarationsLeft = limits.declarationsMax
        builder = TSDLTraceBuilder(limits: limits)
    }

    mutating func grew(by byteCount: Int) {
        builder.fields.grew(by: byteCount)
    }

    var traceClass: TraceClass? { builder.traceClass }

    mutating func read(
        _ declaration: UnsafeBufferPointer<UInt8>,
        at position: MetadataPosition
    ) throws(MetadataError) -> [MetadataReference] {
        // Taken out, so that the parser can add to it without a copy.
        let scope = self.scope
        self.scope = TSDLScope()
        var parser = TSDLParser(
            declaration,
            at: position,
            scope: consume scope,
            declarationsLeft: declarationsLeft,
            limits: limits
        )
        do {
            let provided = try builder.add(try parser.parse())
            declarationsLeft = parser.declarationsLeft
            let names = parser.declaredNames.map { MetadataReference.type($0.shown) }
            self.scope = parser.takeScope()
            return names + provided
        } catch {
            parser.withdrawNames()
            self.scope = parser.takeScope()
            throw error
        }
    }

    func isDeclaration(_ rest: UnsafeBufferPointer<UInt8>, at position: MetadataPosition) throws(MetadataError) -> Bool
    {
        // Blanks and comments may stand at the end; anything else is a declaration without its end.
        var lexer = TSDLLexer(rest, at: position, nameBytesMax: limits.nameBytesMax)
        if case .end = try lexer.next().kind { return false }
        return true
    }
}
