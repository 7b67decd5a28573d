/// What one declaration names and another one declares.
enum MetadataReference: Hashable, Sendable {
    /// The trace block: nothing can be resolved before the native byte order is known.
    case trace
    case stream(id: UInt64)
    /// The only stream class of a trace, which its events need not name.
    case onlyStream
    case clock(String)
    case environmentEntry(String)
    /// The name of a type as the text writes it (`struct s`), or of a field-class alias.
    case type(String)

    /// Whether the text may name it before it is declared: tracers that dump classes as they are made write so.
    var mayComeLater: Bool {
        switch self {
        case .trace, .stream, .onlyStream: true
        case .clock, .environmentEntry, .type: false
        }
    }
}
