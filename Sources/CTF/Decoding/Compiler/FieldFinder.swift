/// Finds what locations mean, in time that does not grow with the structures on the way.
struct FieldFinder {
    /// Structures and variants that have been looked into: their members and options by metadata name.
    private var children: [FieldID: [ExactText: FieldID]] = [:]

    /// Fewer children than this are looked through one by one.
    private static let indexedCountMin = 8

    /// The integers that a location means, at least one; nil when one of them is not there.
    mutating func find(_ location: FieldLocation, from root: FieldID, in tree: FieldTree) -> [FieldID]? {
        var targets: [FieldID] = []
        for path in CollectionOfOne(location.path) + location.otherPaths {
            guard let target = find(path, from: root, in: tree), case .integer = tree[target].fieldClass
            else { return nil }
            targets.append(target)
        }
        return targets
    }

    /// Follows metadata names from a scope's root; arrays and optionals on the way add no name.
    private mutating func find(_ path: [String], from root: FieldID, in tree: FieldTree) -> FieldID? {
        var current = root
        for name in path {
            guard let next = child(ExactText(name), of: tree.innermost(current), in: tree) else { return nil }
            current = next
        }
        return tree.innermost(current)
    }

    private mutating func child(_ name: ExactText, of parent: FieldID, in tree: FieldTree) -> FieldID? {
        let all = tree[parent].children
        guard all.count >= Self.indexedCountMin else {
            return all.first { ExactText(tree.metadataNames[Int($0.rawValue)]) == name }
        }
        if let index = children[parent] { return index[name] }
        let index = Dictionary(all.map { (ExactText(tree.metadataNames[Int($0.rawValue)]), $0) }) { first, _ in first }
        children[parent] = index
        return index[name]
    }
}

extension FieldTree {
    /// What is in arrays and optionals.
    func innermost(_ id: FieldID) -> FieldID {
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
