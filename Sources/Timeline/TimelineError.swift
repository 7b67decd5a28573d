/// Why a question is refused. The text is for whoever asked.
package enum TimelineError: Error, Equatable, Sendable {
    /// A range is empty, reversed or too large; too many lanes or columns.
    case range(String)
    /// Something is malformed.
    case parameter(String)
}
