/// What lengths and selectors refer to (CTF 2, section 6.4.2).
///
/// Names lead through structures. An array on the way means the element being read, an optional what is in it. A
/// variant on the way means the option being read; where that has been read before, any option, so that one location
/// can mean several fields.
extension CTF2FieldResolver {
    /// An earlier field with an unsigned integer.
    mutating func length(_ location: CTF2Location) throws(MetadataError) -> FieldLocation {
        let targets = try find(location)
        for target in targets {
            guard case .scalar(.integer(let integer)) = target.type.kind, integer.meaning == .number,
                !integer.isSigned
            else { throw invalid(location, "is no unsigned integer") }
        }
        return fieldLocation(targets, location)
    }

    /// An earlier field that selects: an integer, or, where `ranges` is not given, a boolean.
    mutating func selector(
        _ location: CTF2Location,
        ranges: [CTF2Range]?
    ) throws(MetadataError) -> (location: FieldLocation, isSigned: Bool, ranges: [IntegerRange]) {
        let targets = try find(location)
        var isSigned: Bool?
        for target in targets {
            guard case .scalar(.integer(let integer)) = target.type.kind,
                integer.meaning == (ranges == nil ? .boolean : .number),
                isSigned ?? integer.isSigned == integer.isSigned
            else { throw invalid(location, ranges == nil ? "is no boolean" : "is no integer, or not always") }
            isSigned = integer.isSigned
        }
        try charge(ranges?.count ?? 0)
        let isTrue = [IntegerRange(lowerBits: 1, upperBits: .max)]
        return (
            fieldLocation(targets, location), isSigned ?? false,
            ranges?.compactMap { $0.range(isSigned: isSigned ?? false) } ?? isTrue
        )
    }

    private func fieldLocation(_ targets: [CTF2Target], _ location: CTF2Location) -> FieldLocation {
        let paths = targets.map(\.names)
        return FieldLocation(
            scope: location.origin ?? scope,
            path: paths.first ?? [],
            otherPaths: Array(paths.dropFirst())
        )
    }

    private func invalid(_ location: CTF2Location, _ reason: String) -> MetadataError {
        MetadataError(.locationInvalid, at: location.position, "`\(location.shown)` \(reason)")
    }

    // MARK: - The way

    /// The fields that a location of the class at `path` can mean: one at least.
    private mutating func find(_ location: CTF2Location) throws(MetadataError) -> [CTF2Target] {
        var targets = [try start(location)]
        let isSameScope = location.origin ?? scope == scope
        for name in location.path {
            var next: [CTF2Target] = []
            for target in targets {
                try charge(target.steps.count + 1)
                guard case .structure(let members, _) = target.type.kind else {
                    throw invalid(location, "leads through what is no structure")
                }
                guard let name else {
                    next.append(try outer(target, location))
                    continue
                }
                guard let index = members.indexByName[ExactText(name)] else { throw invalid(location, "is not there") }
                let member = CTF2Target(
                    type: members.list[index].type,
                    steps: target.steps + [CTF2Step(container: target.type, index: index)]
                )
                try follow(member, location, isSameScope: isSameScope, into: &next)
            }
            targets = next
        }
        if isSameScope {
            for target in targets where !isEarlier(target) { throw invalid(location, "is read later") }
        }
        return targets
    }

    private func start(_ location: CTF2Location) throws(MetadataError) -> CTF2Target {
        if let origin = location.origin {
            guard origin.rawValue <= scope.rawValue else { throw invalid(location, "is read later") }
            guard let root = roots[origin] else { throw invalid(location, "is in a scope that is not there") }
            return CTF2Target(type: root, steps: [])
        }
        guard let level = path.lastIndex(where: \.isInStructure) else { throw invalid(location, "is not there") }
        return CTF2Target(type: path[level].container, steps: Array(path[..<level]))
    }

    /// The structure around a structure.
    private func outer(_ target: CTF2Target, _ location: CTF2Location) throws(MetadataError) -> CTF2Target {
        guard let level = target.steps.lastIndex(where: \.isInStructure) else {
            throw invalid(location, "leads out of the scope")
        }
        return CTF2Target(type: target.steps[level].container, steps: Array(target.steps[..<level]))
    }

    /// Adds what a member stands for: itself, or what is in the array, optional or variant that it is.
    private mutating func follow(
        _ target: CTF2Target,
        _ location: CTF2Location,
        isSameScope: Bool,
        into targets: inout [CTF2Target]
    ) throws(MetadataError) {
        try charge(target.steps.count + 1)
        func inner(_ type: CTF2FieldType, _ index: Int) -> CTF2Target {
            CTF2Target(type: type, steps: target.steps + [CTF2Step(container: target.type, index: index)])
        }
        // The number of what is being read in this compound.
        let current = isSameScope && isAround(target) ? path[target.steps.count].index : nil
        switch target.type.kind {
        case .scalar, .text, .blob, .structure:
            targets.append(target)
        case .array(let element, _, _):
            guard current != nil else { throw invalid(location, "is in an array that this field is not in") }
            try follow(inner(element, 0), location, isSameScope: isSameScope, into: &targets)
        case .optional(let element, _, _):
            try follow(inner(element, 0), location, isSameScope: isSameScope, into: &targets)
        case .variant(let options, _):
            for (index, option) in options.enumerated() where current == nil || current == index {
                try follow(inner(option.type, index), location, isSameScope: isSameScope, into: &targets)
            }
        }
    }

    /// Whether the class that is being resolved is in a compound.
    private func isAround(_ target: CTF2Target) -> Bool {
        path.count > target.steps.count && zip(path, target.steps).allSatisfy { $0.index == $1.index }
    }

    /// Whether a field of this scope is read before the class that is being resolved.
    private func isEarlier(_ target: CTF2Target) -> Bool {
        for (own, other) in zip(path, target.steps) where own.index != other.index {
            return other.index < own.index
        }
        return false
    }
}

/// One step from a class to a class in it.
struct CTF2Step: Sendable {
    /// A structure, array, optional or variant.
    var container: CTF2FieldType
    /// Of the member or option; 0 in an array or optional.
    var index: Int

    var isInStructure: Bool {
        if case .structure = container.kind { true } else { false }
    }

    /// What locations call an option.
    static func optionName(_ index: Int) -> String { "\(index)" }
}

/// Where a location leads.
private struct CTF2Target {
    var type: CTF2FieldType
    /// From the scope's root.
    var steps: [CTF2Step]

    /// Metadata names on the way.
    var names: [String] {
        steps.compactMap { step in
            switch step.container.kind {
            case .structure(let members, _): members.list[step.index].name
            case .variant: CTF2Step.optionName(step.index)
            case .scalar, .text, .blob, .array, .optional: nil
            }
        }
    }
}
