import CTF

/// A trace's metadata as a subscriber gets it, and the program made of it.
struct TraceReader: Sendable {
    private var reader = MetadataReader()
    private var program: TraceProgram?
    private var programTextBytes: UInt64 = 0
    /// Why the newest metadata cannot be used, for people.
    private var fault: String?

    /// Metadata has grown. What cannot be read is no error here: it is one of whoever needs it.
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        do {
            try reader.append(bytes)
            fault = nil
        } catch {
            fault = "\(error)"
        }
    }

    /// The program for a packet that came when `metadataBytes` of metadata text were known.
    /// - Throws: why there is none.
    mutating func program(metadataBytes: UInt64) throws(UnreadableTrace) -> TraceProgram {
        if let program, programTextBytes == reader.textBytes { return program }
        // A packet that came before the metadata went bad is read with what was good then.
        if let program, programTextBytes >= metadataBytes { return program }
        if let fault { throw UnreadableTrace(reason: fault) }
        guard reader.textBytes >= metadataBytes else { throw UnreadableTrace(reason: "metadata is missing") }
        guard let traceClass = reader.traceClass else { throw UnreadableTrace(reason: "metadata without a trace") }
        do {
            let program = try TraceProgram(traceClass)
            self.program = program
            programTextBytes = reader.textBytes
            return program
        } catch {
            throw UnreadableTrace(reason: "metadata: \(error)")
        }
    }
}

/// A trace, or a packet of it, that cannot be decoded: costs its own events only.
struct UnreadableTrace: Error {
    /// For people.
    var reason: String
}
