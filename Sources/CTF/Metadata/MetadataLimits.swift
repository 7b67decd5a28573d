/// Bounds on metadata, so that no text can cost without measure.
package struct MetadataLimits: Sendable, Equatable {
    /// Bytes of text, of all replies together.
    package var textBytesMax: UInt64 = 64 << 20
    /// Field classes inside of each other.
    package var nestingMax = 64
    /// Members of one structure, or options of one variant.
    package var membersMax = 16_384
    /// Elements of an array of constant length, in one dimension.
    package var arrayLengthMax: UInt64 = 1 << 24
    /// What a text may declare: members, options, labels, attributes, names of types and environment entries together.
    package var declarationsMax = 1 << 21
    /// Values that the fragments of CTF 2 may have, all together, and one of them.
    package var valuesMax = 1 << 24
    package var fragmentValuesMax = 1 << 20
    /// Values of attributes that are kept, of all classes together; those of further classes are not.
    package var attributeValuesMax = 1 << 20
    /// Fields of one scope (a payload, a header …), after named types have been put in place.
    package var fieldsPerScopeMax = 65_536
    /// Fields of all scopes together.
    package var fieldsMax = 1 << 20
    /// How many of them any text may have, and how many bytes of it allow another one.
    package var fieldsFree = 1 << 16
    package var textBytesPerField = 8
    /// A name of so many bytes counts as another field: what is made of fields holds their names.
    package var nameBytesPerField = 256
    /// Bytes of a name: of a type, a member, a clock.
    package var nameBytesMax = 4_096
    package var streamClassesMax = 4_096
    /// Event classes of all stream classes together.
    package var eventClassesMax = 1 << 18
    package var clocksMax = 64
    package var environmentEntriesMax = 4_096
    /// Declarations that wait for what they name.
    package var waitingDeclarationsMax = 65_536

    package init() {}

    /// What a field counts as, of the fields that a text may have.
    /// - Parameter name: the member's or option's; nil for an array's element.
    func fieldCost(named name: String?) -> Int {
        1 + (name?.utf8.count ?? 0) / nameBytesPerField
    }

    func fieldsMax(textBytes: Int) -> Int {
        min(fieldsMax, fieldsFree + textBytes / textBytesPerField)
    }
}
