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
        guard let root = scopes[location.scope], let targets = tree.find(location, from: root) else {
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
        guard targets.count > 1, shared[targets] == nil else { return }
        let index = next(location.scope, &scopes)
        shared[targets] = index
        for target in targets { copies[target, default: []].append(index) }
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

    /// The slot of what is at a location that `resolve` has found.
    func slot(_ location: FieldLocation, root: FieldID?, in tree: FieldTree) -> UInt32 {
        guard let root, let targets = tree.find(location, from: root) else { return UInt32(RunSlot.scratch) }
        if let index = shared[targets] { return base(location.scope) + index }
        return slot(targets[0], in: tree) ?? UInt32(RunSlot.scratch)
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

extension FieldTree {
    /// The integers that a location means, at least one; nil when one of them is not there.
    func find(_ location: FieldLocation, from root: FieldID) -> [FieldID]? {
        var targets: [FieldID] = []
        for path in CollectionOfOne(location.path) + location.otherPaths {
            guard let target = find(path, from: root), case .integer = self[target].fieldClass else { return nil }
            targets.append(target)
        }
        return targets
    }

    /// Follows metadata names from a scope's root; arrays and optionals on the way add no name.
    private func find(_ path: [String], from root: FieldID) -> FieldID? {
        var current = root
        for name in path {
            current = innermost(current)
            guard let next = self[current].children.first(where: { metadataNames[Int($0.rawValue)] == name })
            else { return nil }
            current = next
        }
        return innermost(current)
    }

    /// What is in arrays and optionals.
    private func innermost(_ id: FieldID) -> FieldID {
        var current = id
        while true {
            switch self[current].fieldClass {
            case .array, .optional: current = self[current].children[0]
            default: return current
            }
        }
    }

    /// Whether `user` can be read in an event in which `target` has not been: it stands in an option, an array
    /// or an optional that `user` does not stand in.
    func mayBeUnread(_ target: FieldID, before user: FieldID) -> Bool {
        var around = self[target].parent
        while let id = around {
            let isVariant = if case .variant = self[id].fieldClass { true } else { false }
            // The first field around both: in a variant they stand in different options.
            if isInside(user, id) { return isVariant }
            if isVariant || mayBeEmpty(id) { return true }
            around = self[id].parent
        }
        return false
    }

    private func mayBeEmpty(_ id: FieldID) -> Bool {
        switch self[id].fieldClass {
        case .array, .optional: true
        default: false
        }
    }

    private func isInside(_ inner: FieldID, _ outer: FieldID) -> Bool {
        var current: FieldID? = inner
        while let id = current {
            if id == outer { return true }
            current = self[id].parent
        }
        return false
    }
}
