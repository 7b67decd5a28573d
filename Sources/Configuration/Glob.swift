/// A pattern over a whole string: `*` stands for any characters (also `/`), `?` for one, `\` before a character for
/// that character itself.
package struct Glob: Sendable, Hashable {
    package let pattern: String

    package init(_ pattern: String) { self.pattern = pattern }

    /// - Complexity: O(pattern × text) at worst, and without recursion.
    package func matches(_ text: String) -> Bool { false }
}
