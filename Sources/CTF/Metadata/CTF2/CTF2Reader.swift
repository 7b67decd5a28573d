/// Reads the fragments of CTF 2: a JSON text for each, and a builder that relates them.
///
/// Memory holds the field-class aliases and the trace class.
struct CTF2Reader: DeclarationReader {
    typealias Scanner = CTF2FragmentScanner

    private let limits: MetadataLimits
    private var valuesLeft: Int
    private var builder: CTF2TraceBuilder

    init(limits: MetadataLimits) {
        self.limits = limits
        valuesLeft = limits.valuesMax
        builder = CTF2TraceBuilder(limits: limits)
    }

    mutating func grew(by byteCount: Int) {
        builder.fields.grew(by: byteCount)
    }

    var traceClass: TraceClass? { builder.traceClass }

    /// Reads a fragment, with separators and blanks before it.
    mutating func read(
        _ fragment: UnsafeBufferPointer<UInt8>,
        at position: MetadataPosition
    ) throws(MetadataError) -> [MetadataReference] {
        let start = fragment.firstIndex(of: UInt8(ascii: "{")) ?? fragment.count
        var parser = JSONParser(
            UnsafeBufferPointer(rebasing: fragment[start...]),
            at: position.moved(over: UnsafeBufferPointer(rebasing: fragment[..<start])),
            // A member of a structure lies three values deeper than the structure.
            nestingMax: limits.nestingMax * 4 + 16,
            valuesMax: min(valuesLeft, limits.fragmentValuesMax)
        )
        let value = try parser.parse()
        valuesLeft -= parser.valueCount
        return try builder.add(value)
    }

    func isDeclaration(_ rest: UnsafeBufferPointer<UInt8>, at position: MetadataPosition) throws(MetadataError) -> Bool
    {
        // The scanner lets nothing but separators and blanks stand outside of fragments.
        guard !rest.contains(UInt8(ascii: "{")) else {
            throw MetadataError(.unexpectedEnd, at: position, "fragment without end")
        }
        return false
    }
}
