/// Why a value cannot be read, in words that follow the key's name.
package struct ValueError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
