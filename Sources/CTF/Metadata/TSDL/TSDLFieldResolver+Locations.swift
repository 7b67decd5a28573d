/// What the lengths of sequences and the tags of variants refer to.
extension TSDLFieldResolver {
    func invalid(_ location: TSDLLocation, _ reason: String) -> MetadataError {
        MetadataError(.locationInvalid, at: location.position, "`\(location.names.joined(separator: "."))` \(reason)")
    }

    /// The class that a location of the class at `path` means, and where it is.
    mutating func find(_ location: TSDLLocation) throws(MetadataError) -> (TSDLType, FieldLocation) {
        var targetScope = scope
        let target: TSDLTarget?
        if let (absoluteScope, names) = Self.absolute(location.names) {
            guard absoluteScope <= scope else { throw invalid(location, "is read later") }
            guard let root = roots[absoluteScope] else { throw invalid(location, "is in a scope that is not there") }
            targetScope = absoluteScope
            target = TSDLTarget(names, from: root)
        } else {
            target = try findOutward(location.names)
        }
        guard let target else { throw invalid(location, "is not there") }
        try check(target, of: location, inSameScope: targetScope == scope)
        try charge(target.names.count)
        return (target.type, FieldLocation(scope: targetScope, path: target.names))
    }

    /// Looks in the structures around the class at `path`, the innermost first, for a member that stands before it.
    private mutating func findOutward(_ names: [String]) throws(MetadataError) -> TSDLTarget? {
        for level in path.indices.reversed() {
            // The last one counts as the target does.
            if level < path.count - 1 { try charge(1) }
            guard case .structure(let members, _) = path[level].container.kind,
                let index = members.indexByName[names[0]], index <= path[level].index
            else { continue }
            if let target = TSDLTarget(names, from: path[level].container, below: path[..<level]) { return target }
            try charge(names.count)
        }
        return nil
    }

    /// Makes sure that the target's value is known where it is needed: it stands before, and in no array or option that
    /// the class at `path` is not in, too.
    private func check(_ target: TSDLTarget, of location: TSDLLocation, inSameScope: Bool) throws(MetadataError) {
        var common = 0
        if inSameScope {
            while common < path.count, common < target.steps.count,
                path[common].index == target.steps[common].index
            { common += 1 }
            guard common < path.count, common < target.steps.count,
                target.steps[common].index < path[common].index
            else { throw invalid(location, "is read later") }
        }
        for step in target.steps[common...] {
            guard case .structure = step.container.kind else {
                throw invalid(location, "is in an array or variant that this field is not in")
            }
        }
    }

    private static func absolute(_ names: [String]) -> (FieldScope, [String])? {
        for (scope, prefix) in prefixes where names.count > prefix.count && names.starts(with: prefix) {
            return (scope, Array(names[prefix.count...]))
        }
        return nil
    }

    private static let prefixes: [(FieldScope, [String])] = [
        (.packetHeader, ["trace", "packet", "header"]),
        (.packetContext, ["stream", "packet", "context"]),
        (.eventHeader, ["stream", "event", "header"]),
        (.eventCommonContext, ["stream", "event", "context"]),
        (.eventSpecificContext, ["event", "context"]),
        (.eventPayload, ["event", "fields"]),
    ]
}

extension FieldScope {
    /// Whether this scope is read before or is the same as the other one.
    fileprivate static func <= (left: FieldScope, right: FieldScope) -> Bool {
        left.rawValue <= right.rawValue
    }
}

/// One step from a class to a class in it.
struct TSDLStep {
    /// A structure, variant or array.
    var container: TSDLType
    /// Of the member or option; 0 in an array.
    var index: Int
}

/// Where a location leads.
private struct TSDLTarget {
    let type: TSDLType
    /// From the scope's root.
    let steps: [TSDLStep]
    /// Metadata names on the way.
    let names: [String]

    /// Follows `names` from `start`; arrays on the way need none. Nil when there is no such field.
    /// - Parameter outer: the steps from the scope's root to `start`.
    init?(_ names: [String], from start: TSDLType, below outer: ArraySlice<TSDLStep> = []) {
        var inner: [TSDLStep] = []
        var type = start
        for name in names {
            while case .array(let element, _) = type.kind {
                inner.append(TSDLStep(container: type, index: 0))
                type = element
            }
            guard let members = type.members, let index = members.indexByName[name] else { return nil }
            inner.append(TSDLStep(container: type, index: index))
            type = members.list[index].type
        }
        self.type = type
        steps = outer + inner
        self.names = outer.compactMap { $0.container.members?.list[$0.index].metadataName } + names
    }
}

extension TSDLType {
    /// Of a structure or variant.
    fileprivate var members: TSDLMembers? {
        switch kind {
        case .structure(let members, _), .variant(let members, _): members
        case .integer, .enumeration, .float, .string, .array: nil
        }
    }
}
