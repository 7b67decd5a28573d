/// A place in the metadata's text.
struct MetadataPosition: Sendable, Equatable {
    /// From 1.
    var line = 1
    /// From 1, in bytes.
    var column = 1
}

extension MetadataError {
    init(_ code: Code, at position: MetadataPosition, _ subject: String = "") {
        self.init(code, line: position.line, column: position.column, subject: subject)
    }
}
