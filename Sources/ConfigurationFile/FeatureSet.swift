/// What parts of the configuration this version can do. All keys are read and checked in every version; those whose
/// feature is not there yet are then refused by name. A feature that arrives deletes its row, and nothing else.
package struct FeatureSet: Sendable {
    /// Keys without indexes, and when they are refused.
    private let missing: [String: Refusal]

    private enum Refusal: Sendable {
        case always
        case whenNotEmpty
    }

    /// This version.
    package static let current = FeatureSet(missing: [
        "live": .always,
        "forward": .whenNotEmpty,
    ])

    /// Everything that the file may hold.
    package static let all = FeatureSet(missing: [:])

    /// - Parameter key: as `relays.url`, without indexes.
    /// - Returns: why the value is refused; nil where it is not.
    func refusal(of key: String, _ value: YAMLValue) -> String? {
        guard let refusal = missing[key] else { return nil }
        switch (refusal, value.content) {
        case (.whenNotEmpty, .list(let values)) where values.isEmpty: return nil
        default: return "not available in this version"
        }
    }
}
