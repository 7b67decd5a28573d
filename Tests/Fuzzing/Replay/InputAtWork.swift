import Foundation
import FuzzTargets

/// A broken law is a trap, which ends the whole test process: this says on standard error which input did it.
enum InputAtWork {
    private static let bytesMax = 8192
    nonisolated(unsafe) private static let note = UnsafeMutableRawPointer.allocate(byteCount: bytesMax, alignment: 1)
    nonisolated(unsafe) private static var noteBytes = 0
    /// By signal: what was to be done before.
    nonisolated(unsafe) private static let before = UnsafeMutablePointer<sigaction>.allocate(capacity: 32)

    /// Those of traps, and of memory that is not there.
    private static let signals = [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGABRT]

    private static let isWatching: Bool = {
        for signal in signals {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { signal in
                // Nothing here takes memory or a lock.
                write(STDERR_FILENO, InputAtWork.note, InputAtWork.noteBytes)
                sigaction(signal, InputAtWork.before + Int(signal), nil)
                raise(signal)
            }
            sigaction(signal, &action, before + Int(signal))
        }
        return true
    }()

    /// Runs a target on an input, which has a name if it fails. One at a time.
    static func run(_ target: FuzzTarget, _ bytes: [UInt8], named name: String) {
        precondition(isWatching)
        let text = Array("\nFuzzing: \(target.rawValue) was at work on \(name)\n".utf8.prefix(bytesMax))
        note.copyMemory(from: text, byteCount: text.count)
        noteBytes = text.count
        defer { noteBytes = 0 }
        bytes.withUnsafeBytes(target.run)
    }
}
