/// The enumerations of a program, each list of labels once.
///
/// A named type stands in many fields, with labels that were read once and lie in memory once. So a list is known by
/// where it lies, without a look at its labels; those that the text writes out twice are two.
struct SharedEnumerations {
    private struct Key: Hashable {
        /// Of the first mapping: no other list lies there as long as `list` holds this one.
        var address: UnsafeRawPointer?
        var isSigned: Bool
    }

    private(set) var list: ContiguousArray<ProgramEnumeration> = []
    private var numbers: [Key: Int] = [:]

    /// The index in `list` of a field's labels; nil for a field that has none.
    mutating func number(of fieldClass: FieldClass) -> Int? {
        guard case .integer(let integer) = fieldClass, let mappings = integer.mappings else { return nil }
        let key = Key(
            address: mappings.withUnsafeBufferPointer { UnsafeRawPointer($0.baseAddress) },
            isSigned: integer.isSigned
        )
        if let known = numbers[key] { return known }
        numbers[key] = list.count
        list.append(ProgramEnumeration(mappings: mappings, isSigned: integer.isSigned))
        return list.count - 1
    }
}
