import Runtime

/// Keeps the resume token in a file, after what it stands for has been written. Confined to the printing thread.
final class StateKeeper: @unchecked Sendable {
    /// Between two saves: what is printed in between comes again after a kill, or is cut off the output file.
    private static let interval: Duration = .milliseconds(100)

    private let file: String?
    private let printer: FeedPrinter
    private let outputBytesBefore: UInt64?
    private var state: ResumeState?
    private var savedAt = ContinuousClock.now - .seconds(1)
    /// Why the state cannot be saved.
    private(set) var fault: String?

    /// - Parameter outputBytesBefore: the output file's length when it was opened; nil without one.
    init(file: String?, printer: FeedPrinter, outputBytesBefore: UInt64?) {
        self.file = file
        self.printer = printer
        self.outputBytesBefore = outputBytesBefore
    }

    /// All before `token` has been written.
    func printed(_ token: String?) {
        guard file != nil, let token else { return }
        state = ResumeState(token: token, outputBytes: outputBytesBefore.map { $0 + printer.writtenBytes })
        if ContinuousClock.now - savedAt >= Self.interval { save() }
    }

    /// Writes the last state.
    func save() {
        guard let file, let state, printer.writeFault == nil else { return }
        savedAt = .now
        self.state = nil
        do throws(FileError) {
            try state.save(file)
        } catch {
            fault = "\(error)"
        }
    }
}
