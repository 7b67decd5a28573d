/// Every limit of this room.
enum ConfigurationLimits {
    /// The configuration file, in bytes.
    static let fileBytesMax = 1 << 20
    /// A file named in `${file:…}`, in bytes.
    static let replacementBytesMax = 64 << 10
    /// A scalar value after its replacements, in bytes.
    static let valueBytesMax = 64 << 10
    /// Values in the file, those that aliases repeat counted each time.
    static let valuesMax = 100_000
    /// Values inside values.
    static let depthMax = 32
    /// Aliases (`*name`) in the file: the parser compares keys with all that they stand for.
    static let aliasesMax = 16
    /// Mistakes that are reported.
    static let problemsMax = 100
    /// Entries of `order.messages`.
    static let messagesMax = 16
    /// Entries of `forward`.
    static let forwardersMax = 16
    /// `forward.batch-bytes`, in bytes.
    static let otlpBatchBytesMax = 16 << 20
    /// `forward.concurrency`.
    static let concurrencyMax = 16
    /// A name of a relay, an event or a field, in bytes.
    static let nameBytesMax = 128
}
