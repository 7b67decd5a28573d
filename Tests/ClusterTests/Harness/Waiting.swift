import Foundation
import Glibc

/// Looks at `condition` until it holds, and fails past the deadline. The pause between two looks is no part of any
/// proof.
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
    while try !condition() {
        if DispatchTime.now() > end { throw Failure("not within \(seconds) s: \(what)\n\(state())") }
        usleep(10_000)
    }
}
