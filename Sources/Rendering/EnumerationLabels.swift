import CTF

/// The labels of a program's enumeration as they are printed, looked up for each value.
///
/// Lies in flat memory, which whoever made it frees.
struct EnumerationLabels: BitwiseCopyable {
    private let lookup: EnumerationLookup
    /// By mapping: the label quoted and escaped.
    private let labels: UnsafeMutablePointer<LiteralArena.Literal>

    /// - Parameter prepare: puts a label into the arena in its printed form.
    init(_ enumeration: ProgramEnumeration, prepare: (String) -> LiteralArena.Literal) {
        lookup = EnumerationLookup(enumeration)
        labels = allocated(enumeration.mappings.map { prepare($0.label) })
    }

    func deallocate() {
        lookup.deallocate()
        labels.deallocate()
    }

    /// The next label of a value, in order of declaration; nil when there is no other one.
    /// - Parameters:
    ///   - valueBits: the value's bit pattern.
    ///   - last: the mapping of the label before, -1 at first; set to that of the label.
    @inline(__always)
    func nextLabel(of valueBits: UInt64, after last: inout Int) -> LiteralArena.Literal? {
        guard let mapping = lookup.mapping(of: valueBits, after: last) else { return nil }
        last = mapping
        return labels[mapping]
    }
}
