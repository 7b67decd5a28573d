/// A trace class compiled for decoding: what to do with a packet's bytes, without asking what they mean each time.
///
/// Two ways through a packet. `scan` finds where each event begins and when it happened, and passes over all else;
/// that is all that order needs. `visitEvent` decodes one event and shows its values to a visitor. Both run the same
/// machine over programs compiled from the same fields, so they agree on every position.
///
/// Immutable after `init`, apart from memory that `deinit` frees: hence `@unchecked Sendable`.
@usableFromInline
package final class TraceProgram: @unchecked Sendable {
    package let traceClass: TraceClass
    /// By `FieldID`.
    package let fields: ContiguousArray<ProgramField>
    /// By the index that is passed to `FieldVisitor.beginEvent`.
    package let events: ContiguousArray<ProgramEvent>
    /// By `ProgramField.enumeration`. Fields of one named type share one: what is made of labels is made once for each.
    package let enumerations: ContiguousArray<ProgramEnumeration>
    @usableFromInline let tables: ProgramTables
    private let limits: ProgramLimits

    /// - Throws: when the class is not one that can be decoded.
    package convenience init(_ traceClass: TraceClass, limits: ProgramLimits = ProgramLimits()) throws(ProgramError) {
        try self.init(traceClass, limits: limits, shown: nil)
    }

    /// A program of the same fields that shows only some of them to visitors, and passes over all others as a scan
    /// does. It reads the preambles that this one has read.
    ///
    /// Texts, arrays and variants that are not shown may be announced nevertheless: a visitor ignores them.
    /// - Parameter fields: with all that is in them. Where one lies in an array, a variant or an optional, all of that
    ///   is shown.
    /// - Complexity: as `init`.
    package func showing(only fields: Set<FieldID>) throws(ProgramError) -> TraceProgram {
        try TraceProgram(traceClass, limits: limits, shown: fields)
    }

    private init(_ traceClass: TraceClass, limits: ProgramLimits, shown: Set<FieldID>?) throws(ProgramError) {
        var compiler = TraceCompiler(traceClass, limits: limits, shown: shown)
        let code = try compiler.compile()
        self.traceClass = traceClass
        self.limits = limits
        fields = compiler.tree.fields
        events = compiler.events
        enumerations = compiler.tree.enumerations.list
        tables = ProgramTables(code)
    }

    deinit {
        tables.deallocate()
    }

    /// How the default clock of a stream class reads; nil without clock or stream class.
    /// - Complexity: O(stream classes).
    package func clockConversion(streamClassID: UInt64) -> ClockConversion? {
        tables.streams.first { $0.id == streamClassID && $0.hasClock }?.clock
    }

    /// The stream class that a preamble names, if this program read it.
    @inlinable
    func stream(_ preamble: PacketPreamble) -> StreamEntry? {
        guard tables.streams.indices.contains(preamble.streamIndex),
            preamble.savedValues.count == tables.savedCount
        else { return nil }
        return tables.streams[preamble.streamIndex]
    }

    /// Clears the slots of a run, and puts the preamble's values where programs look for them.
    @inlinable @inline(__always)
    func prepare(_ slots: UnsafeMutablePointer<UInt64>, _ preamble: PacketPreamble) {
        slots.initialize(repeating: 0, count: tables.slotCount)
        if tables.savedCount > 0 { restore(slots, preamble) }
    }

    @usableFromInline @inline(never)
    func restore(_ slots: UnsafeMutablePointer<UInt64>, _ preamble: PacketPreamble) {
        for (index, value) in preamble.savedValues.enumerated() { slots[tables.savedStart + index] = value }
    }
}
