extension FilterKnown {
    /// By node: its value, where that needs no event.
    /// - Parameter variable: what a variable is; nil where only an event says so.
    static func values(_ nodes: [FilterNode], _ variable: (FilterVariable) -> FilterKnown?) -> [FilterKnown?] {
        var known: [FilterKnown?] = []
        known.reserveCapacity(nodes.count)
        for node in nodes { known.append(value(node.kind, known, variable)) }
        return known
    }

    /// - Parameter known: of the nodes before.
    private static func value(
        _ kind: FilterNode.Kind,
        _ known: [FilterKnown?],
        _ variable: (FilterVariable) -> FilterKnown?
    ) -> FilterKnown? {
        switch kind {
        case .integer, .float, .text: return FilterKnown(kind)
        case .field: return nil
        case .variable(let name): return variable(name)
        case .unary(let operation, let value): return known[value]?.applying(operation)
        case .binary(.logicalAnd, let left, let right):
            let (left, right) = (known[left]?.truth, known[right]?.truth)
            if left == false || right == false { return .integer(0) }
            return left == nil || right == nil ? nil : .integer(1)
        case .binary(.logicalOr, let left, let right):
            // The left one comes first: it may say that nothing can be said.
            guard let left = known[left]?.truth else { return nil }
            return left ? .integer(1) : known[right]?.truth.map { .integer($0 ? 1 : 0) }
        case .binary(let operation, let left, let right):
            guard let left = known[left], let right = known[right] else { return nil }
            return left.applying(operation, right)
        }
    }
}

extension FilterExpression {
    /// Whether it asks for nothing but `$host`, `$session` and `$relay`: then no event has to be looked at.
    package var namesLanesOnly: Bool {
        nodes.allSatisfy { node in
            switch node.kind {
            case .field, .variable(.name), .variable(.level), .variable(.cpu): false
            case .integer, .float, .text, .variable(.host), .variable(.session), .variable(.relay), .unary, .binary:
                true
            }
        }
    }

    /// Whether it wants the events of a session, where it names lanes only.
    package func wants(relay: String, host: String, session: String) -> Bool {
        let known = FilterKnown.values(nodes) { variable in
            switch variable {
            case .host: .text(FilterPattern(exactly: host))
            case .session: .text(FilterPattern(exactly: session))
            case .relay: .text(FilterPattern(exactly: relay))
            case .name, .level, .cpu: nil
            }
        }
        return known.last.flatMap { $0?.truth } ?? false
    }
}
