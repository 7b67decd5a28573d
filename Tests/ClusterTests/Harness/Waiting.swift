import Foundation
import Glibc

/// Looks at `condition` until it holds, and fails past the deadline. The pause between two looks proves nothing.
///
/// - Parameters:
///   - what: what is awaited, for the message.
///   - seconds: the deadline, generous: machines may be slow.
///   - state: what the message adds when the deadline has passed.
func eventually(
    _ what: String,
    within seconds: Double = 60,
    state: () -> String = { "" },
    _ condition: () throws -> Bool
) throws {
    let end = DispatchTime.now() + seconds
    var begin = DispatchTime.now()
    while try !condition() {
        if DispatchTime.now() > end { throw Failure("not within \(seconds) s: \(what)\n\(state())") }
        // A look that costs much is taken less often.
        let lookMicroseconds = (DispatchTime.now().uptimeNanoseconds - begin.uptimeNanoseconds) / 1000
        usleep(UInt32(min(max(10_000, 5 * lookMicroseconds), 1_000_000)))
        begin = DispatchTime.now()
    }
}

/// As above, of what a process prints: fails at once when the process has ended without it.
///
/// - Parameter others: processes whose output the message shows too.
func eventually(
    _ what: String,
    of process: ChildProcess,
    and others: ChildProcess...,
    within seconds: Double = 60,
    _ condition: () throws -> Bool
) throws {
    let state = { ([process] + others).map(\.summary).joined(separator: "\n") }
    try eventually(what, within: seconds, state: state) {
        // Its end is looked for first: what it printed before its end counts.
        let hasEnded = process.poll() != nil
        if try condition() { return true }
        if hasEnded { throw Failure("ended without: \(what)\n\(state())") }
        return false
    }
}
