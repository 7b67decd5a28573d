/// Which values must be kept while a packet is read, and in which slot: the lengths and selectors that later fields
/// refer to.
///
/// Slots of one event class are used again by the next, so their number follows the most demanding one:
///
///     roles | packet header | packet context | event header, common context | specific context, payload | loops
///           |<- saved in the preamble ------>|
struct SlotMap {
    /// By field: its number within its part; nil when nobody needs its value.
    private(set) var indexes: ContiguousArray<UInt32?>
    /// By field: the number of the slot that it takes its length or selector from.
    private var neededIndexes: ContiguousArray<UInt32?>
    private var finder = FieldFinder()
    /// By field: the numbers of further slots that its value goes to, as locations mean it among others.
    private var copies: [FieldID: [UInt32]] = [:]
    /// The number of the slot for a location that means several fields, by those.
    private var shared: [[FieldID]: UInt32] = [:]
    /// Whether the event scopes of any stream class refer to its preamble.
    private(set) var savesPreamble = false

    private var headerCount: UInt32 = 0
    private var contextCountMax: UInt32 = 0
    private var commonCountMax: UInt32 = 0
    private var eventCountMax: UInt32 = 0

    init(fieldCount: Int) {
        indexes = ContiguousArray(repeating: nil, count: fieldCount)
        neededIndexes = indexes
    }

    /// Roots of the scopes that a field may refer to, and how many slots they use so far.
    struct Scopes {
        var roots: [FieldID?] = Array(repeating: nil, count: FieldScope.allCases.count)
        var contextCount: UInt32 = 0
        var commonCount: UInt32 = 0
        var eventCount: UInt32 = 0
        /// An event refers to a field that it may not have read itself: slots must be cleared before each.
        var refersToUnread = false
        /// A field outside of the event header refers into it.
        var refersToHeader = false

        subscript(_ scope: FieldScope) -> FieldID? {
            get { roots[Int(scope.rawValue)] }
            set { roots[Int(scope.rawValue)] = newValue }
        }
    }

    /// Finds what the fields of a scope refer to, and gives it slots.
    /// - Parameters:
    ///   - fields: the scope's fields.
    ///   - scopes: the scope and those before it.
    mutating func resolve(
        _ fields: Range<Int>,
        in tree: FieldTree,
        scopes: inout Scopes
    ) throws(ProgramError) {
        for index in fields {
            guard let location = tree.fields[index].fieldClass.neededLocation else { continue }
            try take(location, for: FieldID(rawValue: UInt32(index)), in: tree, scopes: &scopes)
        }
        contextCountMax = max(contextCountMax, scopes.contextCount)
        commonCountMax = max(commonCountMax, scopes.commonCount)
        eventCountMax = max(eventCountMax, scopes.eventCount)
    }

    private mutating func take(
        _ location: FieldLocation,
        for user: FieldID,
        in tree: FieldTree,
        scopes: inout Scopes
    ) throws(ProgramError) {
        guard let root = scopes[location.scope], let targets = finder.find(location, from: root, in: tree) else {
            throw ProgramError(.unresolvedLocation, path: tree.path(user))
        }
        let userScope = tree[user].scope
        for target in targets {
            let isEarlier =
                location.scope == userScope
                ? target.rawValue < user.rawValue : location.scope.rawValue < userScope.rawValue
            guard isEarlier else { throw ProgramError(.locationNotYetRead, path: tree.path(user)) }
            if tree.mayBeUnread(target, before: user) { scopes.refersToUnread = true }
        }
        if location.scope == .eventHeader && userScope != .eventHeader { scopes.refersToHeader = true }
        if location.scope.rawValue <= 1 && userScope.rawValue > 1 { savesPreamble = true }

        for target in targets where indexes[Int(target.rawValue)] == nil {
            indexes[Int(target.rawValue)] = next(location.scope, &scopes)
        }
        neededIndexes[Int(user.rawValue)] =
            targets.count == 1 ? indexes[Int(targets[0].rawValue)] : sharedIndex(targets, location.scope, &scopes)
    }

    /// The number of the slot that all of these fields write to.
    private mutating func sharedIndex(_ targets: [FieldID], _ scope: FieldScope, _ scopes: inout Scopes) -> UInt32 {
        if let index = shared[targets] { return index }
        let index = next(scope, &scopes)
        shared[targets] = index
        for target in targets { copies[target, default: []].append(index) }
        return index
    }

    /// A new number in the part of a scope.
    private mutating func next(_ scope: FieldScope, _ scopes: inout Scopes) -> UInt32 {
        switch scope {
        case .packetHeader: Self.next(&headerCount)
        case .packetContext: Self.next(&scopes.contextCount)
        case .eventHeader, .eventCommonContext: Self.next(&scopes.commonCount)
        case .eventSpecificContext, .eventPayload: Self.next(&scopes.eventCount)
        }
    }

    private static func next(_ count: inout UInt32) -> UInt32 {
        count += 1
        return count - 1
    }

    // MARK: the map, when all scopes are resolved

    /// The slot of a field's value; nil when nobody needs it.
    func slot(_ id: FieldID, in tree: FieldTree) -> UInt32? {
        guard let index = indexes[Int(id.rawValue)] else { return nil }
        return base(tree[id].scope) + index
    }

    /// The slot of the length or selector that a field needs.
    func slot(neededBy id: FieldID, in tree: FieldTree) -> UInt32 {
        guard let index = neededIndexes[Int(id.rawValue)], let location = tree[id].fieldClass.neededLocation else {
            return UInt32(RunSlot.scratch)
        }
        return base(location.scope) + index
    }

    /// Further slots that a field's value goes to.
    func copies(_ id: FieldID, in tree: FieldTree) -> [UInt32] {
        copies[id]?.map { base(tree[id].scope) + $0 } ?? []
    }

    private func base(_ scope: FieldScope) -> UInt32 {
        let header = UInt32(RunSlot.count)
        switch scope {
        case .packetHeader: return header
        case .packetContext: return header + headerCount
        case .eventHeader, .eventCommonContext: return header + headerCount + contextCountMax
        case .eventSpecificContext, .eventPayload: return header + headerCount + contextCountMax + commonCountMax
        }
    }

    /// The first slot of loop counters.
    var loopBase: UInt32 { base(.eventPayload) + eventCountMax }

    /// What a preamble must remember.
    var savedSlots: Range<Int> {
        savesPreamble ? RunSlot.count..<Int(base(.eventHeader)) : 0..<0
    }
}
