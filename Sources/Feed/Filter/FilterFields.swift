import CTF

/// Finds the fields of a program that a name leads to.
struct FilterFields {
    /// A field with values, and the elements of arrays that lead to it.
    struct Leaf: Equatable {
        var field: FieldID
        var indexes: [UInt64]
        /// The arrays that the indexes are of.
        var arrays: [FieldID]
        /// Whether an event may be without it.
        var mayBeAbsent: Bool
    }

    let program: TraceProgram

    /// The fields that are meant in events of a class: several where a variant has several options with the name; none
    /// where such events have no such field, or one that is no value.
    func leaves(_ field: FilterField, in event: ProgramEvent) -> [Leaf] {
        let roots =
            switch field.place {
            case .payload: [event.payload]
            // The event's own context says more than that of its whole stream.
            case .context: [event.specificContext, event.commonContext]
            }
        for case let root? in roots {
            var leaves: [Leaf] = []
            let start = Leaf(field: root, indexes: [], arrays: [], mayBeAbsent: false)
            collect(start, field.path[...], &leaves)
            if !leaves.isEmpty { return leaves }
        }
        return []
    }

    /// - Complexity: O(fields below); recursion goes as deep as the program's fields nest, which is limited.
    private func collect(_ place: Leaf, _ path: ArraySlice<FilterField.Component>, _ leaves: inout [Leaf]) {
        let field = program.fields[Int(place.field.rawValue)]
        var next = place
        switch field.fieldClass {
        case .integer, .float, .string:
            if path.isEmpty { leaves.append(place) }
        case .blob: break
        case .structure:
            guard case .name(let name)? = path.first,
                let member = field.children.first(where: { program.fields[Int($0.rawValue)].name == name })
            else { return }
            next.field = member
            collect(next, path.dropFirst(), &leaves)
        case .array(let array):
            if array.textEncoding != nil {
                if path.isEmpty { leaves.append(place) }
                return
            }
            guard case .index(let index)? = path.first else { return }
            if case .constant(let count) = array.length {
                guard index < count else { return }
            } else {
                next.mayBeAbsent = true
            }
            next.field = field.children[0]
            next.indexes.append(index)
            next.arrays.append(place.field)
            collect(next, path.dropFirst(), &leaves)
        case .variant, .optional:
            // Its value is that of what was chosen.
            next.mayBeAbsent = true
            for child in field.children {
                next.field = child
                collect(next, path, &leaves)
            }
        }
    }
}
