/// Keeps the resume token in a file, after what it stands for has been written. Confined to the printing thread, which
/// `@unchecked Sendable` stands for.
package final class StateKeeper: @unchecked Sendable {
    private let file: String?
    private let output: OutputFile
    private let interval: Duration
    private var state: ResumeState?
    private var savedAt: ContinuousClock.Instant?
    /// Why the state cannot be saved; nil while it can.
    package private(set) var fault: FileError?

    /// - Parameters:
    ///   - file: nil keeps nothing.
    ///   - interval: between two saves: what is printed in between comes again after a kill, or is cut off the output.
    package init(file: String?, output: OutputFile, interval: Duration = .milliseconds(100)) {
        self.file = file
        self.output = output
        self.interval = interval
    }

    /// All before `token` has been written.
    /// - Returns: false when the state cannot be saved.
    package func printed(_ token: String?) -> Bool {
        guard file != nil, let token, output.fault == nil, !output.isReaderGone else { return fault == nil }
        state = ResumeState(token: token, outputBytes: output.byteCount)
        if let savedAt, ContinuousClock.now - savedAt < interval { return fault == nil }
        save()
        return fault == nil
    }

    /// Writes the last state.
    package func save() {
        guard let file, let state else { return }
        savedAt = .now
        self.state = nil
        do throws(FileError) {
            try state.save(file)
        } catch {
            fault = error
        }
    }
}
