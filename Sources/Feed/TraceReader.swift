import CTF

/// A trace's metadata as a subscriber gets it, and the program made of it.
///
/// A packet names how much metadata was known when it came; its coordinator could decode it with that, so all that it
/// needs is in the class that has been read by then. What came later and cannot be read, yet or ever, does not concern
/// it: the class only grows.
struct TraceReader: Sendable {
    private var reader = MetadataReader()
    /// Why the newest metadata cannot be used.
    private var fault: MetadataError?
    private var program: TraceProgram?
    /// Text that `program` was made of, bytes.
    private var programTextBytes: UInt64 = 0
    /// The revision of the class that `program` was made of, or `programFault` tells of.
    private var programRevision: UInt64?
    private var programFault: ProgramError?

    /// Metadata has grown. What cannot be read is no error here: it is one of whoever needs it.
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        do {
            try reader.append(bytes)
            fault = nil
        } catch {
            fault = error
        }
    }

    /// The program for a packet that came when `metadataBytes` of metadata text were known.
    /// - Throws: why there is none.
    mutating func program(metadataBytes: UInt64) throws(UnreadableTrace) -> TraceProgram {
        guard reader.textBytes >= metadataBytes else {
            throw UnreadableTrace(reason: fault.map { "\($0)" } ?? "metadata is missing")
        }
        if programRevision != reader.revision { compile() }
        if let program, programFault == nil || programTextBytes >= metadataBytes { return program }
        if let programFault { throw UnreadableTrace(reason: "metadata: \(programFault)") }
        throw UnreadableTrace(reason: fault.map { "\($0)" } ?? "metadata without a trace")
    }

    private mutating func compile() {
        guard let traceClass = reader.traceClass else { return }
        programRevision = reader.revision
        do {
            program = try TraceProgram(traceClass)
            programTextBytes = reader.textBytes
            programFault = nil
        } catch {
            programFault = error
        }
    }
}

/// A trace, or a packet of it, that cannot be decoded: costs its own events only.
struct UnreadableTrace: Error {
    /// For people.
    var reason: String
}
