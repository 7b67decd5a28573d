/// How far a scan came.
package enum ScanResult: Sendable, Equatable {
    /// The cursor stands at the end of the packet's content.
    case complete
    /// The bytes end inside of an event, or before the content does; the cursor stands before that event.
    case needsMoreBytes
    /// The key buffer is full; the cursor stands before the next event.
    case full
}

/// A trace class compiled for decoding.
@usableFromInline
package final class TraceProgram: Sendable {
    package let traceClass: TraceClass
    /// By `FieldID`.
    package let fields: ContiguousArray<ProgramField>
    /// By the index that is passed to `FieldVisitor.beginEvent`.
    package let events: ContiguousArray<ProgramEvent>

    /// - Throws: when the class is not one that can be decoded.
    package init(_ traceClass: TraceClass, limits: ProgramLimits = ProgramLimits()) throws(ProgramError) {
        self.traceClass = traceClass
        fields = []
        events = []
    }

    /// How the default clock of a stream class reads; nil without clock or stream class.
    package func clockConversion(streamClassID: UInt64) -> ClockConversion? {
        nil
    }

    /// Reads a packet's header and context.
    /// - Throws: `needsMoreBytes` when `bytes` end before the preamble does.
    package func readPreamble(_ bytes: PacketBytes) throws(PacketError) -> PacketPreamble {
        throw PacketError(.needsMoreBytes, atBits: 0)
    }

    /// Appends a key for each event from `cursor` up to `contentBits`.
    package func scan(
        _ bytes: PacketBytes, preamble: PacketPreamble, contentBits: UInt64, correctionNs: Int64,
        cursor: inout EventCursor, keys: inout EventKeyBuffer
    ) throws(PacketError) -> ScanResult {
        .complete
    }

    /// Visits the packet context, without the members that say what the packet is rather than what was traced.
    package func visitPacketContext<V: FieldVisitor>(
        _ bytes: PacketBytes, preamble: PacketPreamble, visitor: inout V
    ) throws(PacketError) {
    }

    /// Decodes the event at `cursor`, and moves the cursor behind it.
    package func visitEvent<V: FieldVisitor>(
        _ bytes: PacketBytes, preamble: PacketPreamble, cursor: inout EventCursor, visitor: inout V
    ) throws(PacketError) {
    }
}
