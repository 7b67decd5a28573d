/// How many fields a trace may still have.
///
/// Named types let a short text stand for many fields, so fields are paid for by text: some are free, and each few
/// bytes allow another one. Memory and time are in proportion to the text then, and to what is free.
struct FieldBudget: Sendable {
    private let limits: MetadataLimits
    private var textBytes = 0
    private var granted: Int
    var left: Int

    init(limits: MetadataLimits) {
        self.limits = limits
        granted = limits.fieldsMax(textBytes: 0)
        left = granted
    }

    /// The text has grown by a declaration.
    mutating func grew(by byteCount: Int) {
        textBytes += byteCount
        let all = limits.fieldsMax(textBytes: textBytes)
        left += all - granted
        granted = all
    }
}
