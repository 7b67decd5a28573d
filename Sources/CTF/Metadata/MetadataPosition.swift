/// A place in the metadata's text.
struct MetadataPosition: Sendable, Equatable {
    /// From 1.
    var line = 1
    /// From 1, in bytes.
    var column = 1

    /// The position behind `text`, which begins here.
    func moved(over text: UnsafeBufferPointer<UInt8>) -> MetadataPosition {
        var position = self
        for byte in text {
            if byte == UInt8(ascii: "\n") {
                position.line += 1
                position.column = 1
            } else {
                position.column += 1
            }
        }
        return position
    }
}

extension MetadataError {
    /// - Parameter missing: what has to be declared first.
    init(
        _ code: Code,
        at position: MetadataPosition,
        _ subject: String = "",
        missing: MetadataReference? = nil
    ) {
        self.init(code, line: position.line, column: position.column, subject: subject)
        self.missing = missing
    }
}
