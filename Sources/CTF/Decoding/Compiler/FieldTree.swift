/// All fields of a trace, numbered in the order of reading within each scope, and how much room they take.
///
/// A parent's number is less than its children's: what follows from children is computed by one walk from the last
/// field to the first, without recursion.
struct FieldTree {
    var fields: ContiguousArray<ProgramField> = []
    /// The names by which locations refer to fields.
    var metadataNames: ContiguousArray<String> = []
    var layouts: ContiguousArray<FieldLayout> = []
    private(set) var enumerations = SharedEnumerations()
    /// Whether fields of both byte orders may share a byte: only then the order must be watched at run time.
    private(set) var mixesByteOrders = false

    private let limits: ProgramLimits
    private var hasPartialBytes: (littleEndian: Bool, bigEndian: Bool) = (false, false)

    init(limits: ProgramLimits) {
        self.limits = limits
    }

    subscript(_ id: FieldID) -> ProgramField { fields[Int(id.rawValue)] }

    func layout(_ id: FieldID) -> FieldLayout { layouts[Int(id.rawValue)] }

    /// Adds a scope's root and all that is in it.
    mutating func add(_ root: StructureClass?, scope: FieldScope) throws(ProgramError) -> FieldID? {
        guard let root else { return nil }
        let member = StructureClass.Member(name: "", metadataName: "", fieldClass: .structure(root))
        return try add(member, scope: scope, parent: nil, depth: 0)
    }

    private mutating func add(
        _ member: StructureClass.Member,
        scope: FieldScope,
        parent: FieldID?,
        depth: Int
    ) throws(ProgramError) -> FieldID {
        guard depth <= limits.nestingMax else { throw ProgramError(.tooDeep, path: path(parent)) }
        guard fields.count < limits.fieldCountMax else { throw ProgramError(.tooLarge, path: path(parent)) }
        let id = FieldID(rawValue: UInt32(fields.count))
        fields.append(
            ProgramField(
                name: member.name,
                fieldClass: member.fieldClass,
                scope: scope,
                parent: parent,
                enumeration: enumerations.number(of: member.fieldClass)
            )
        )
        metadataNames.append(member.metadataName)
        try check(member.fieldClass, id)

        let inner: [StructureClass.Member] =
            switch member.fieldClass {
            case .integer, .float, .string, .blob: []
            case .structure(let structure): structure.members
            case .array(let array):
                [StructureClass.Member(name: "", metadataName: "", fieldClass: array.element)]
            case .variant(let variant): variant.options.map(\.member)
            case .optional(let optional):
                [StructureClass.Member(name: "", metadataName: "", fieldClass: optional.element)]
            }
        var children: [FieldID] = []
        children.reserveCapacity(inner.count)
        for member in inner {
            children.append(try add(member, scope: scope, parent: id, depth: depth + 1))
        }
        fields[Int(id.rawValue)].children = children
        return id
    }

    private mutating func check(_ fieldClass: FieldClass, _ id: FieldID) throws(ProgramError) {
        let alignmentBits: UInt32
        switch fieldClass {
        case .integer(let integer):
            guard 1...64 ~= integer.sizeBits else { throw ProgramError(.badSize, path: path(id)) }
            alignmentBits = integer.alignmentBits
            guard !integer.isVariableLength else { break }
            watch(integer.byteOrder, sizeBits: integer.sizeBits, alignmentBits: alignmentBits)
        case .float(let float):
            guard [16, 32, 64].contains(float.sizeBits) else { throw ProgramError(.badSize, path: path(id)) }
            alignmentBits = float.alignmentBits
            watch(float.byteOrder, sizeBits: float.sizeBits, alignmentBits: alignmentBits)
        case .structure(let structure):
            alignmentBits = structure.minimumAlignmentBits
        case .array(let array):
            alignmentBits = array.minimumAlignmentBits
        case .string, .blob, .variant, .optional:
            alignmentBits = 1
        }
        guard alignmentBits.nonzeroBitCount == 1 else { throw ProgramError(.badAlignment, path: path(id)) }
    }

    private mutating func watch(_ order: ByteOrder, sizeBits: UInt32, alignmentBits: UInt32) {
        guard sizeBits % 8 != 0 || alignmentBits % 8 != 0 else { return }
        switch order {
        case .littleEndian: hasPartialBytes.littleEndian = true
        case .bigEndian: hasPartialBytes.bigEndian = true
        }
        mixesByteOrders = hasPartialBytes.littleEndian && hasPartialBytes.bigEndian
    }

    /// Computes the layouts, when all fields are there.
    mutating func computeLayouts() {
        layouts = ContiguousArray(repeating: FieldLayout(), count: fields.count)
        for index in fields.indices.reversed() {
            layouts[index] = layout(of: fields[index])
        }
    }

    private func layout(of field: ProgramField) -> FieldLayout {
        switch field.fieldClass {
        case .integer(let integer) where integer.isVariableLength:
            return FieldLayout(alignmentBits: 8, minimumBits: 8, idleFields: FieldLayout.idleFields(minus: 8))
        case .integer(let integer):
            return number(sizeBits: integer.sizeBits, alignmentBits: integer.alignmentBits)
        case .float(let float):
            return number(sizeBits: float.sizeBits, alignmentBits: float.alignmentBits)
        case .string(let string):
            switch string.length {
            case .terminated:
                let unitBits = UInt64(string.encoding.unitBytes) * 8
                return FieldLayout(
                    alignmentBits: 8,
                    minimumBits: unitBits,
                    idleFields: FieldLayout.idleFields(minus: unitBits)
                )
            case .constant(let count): return FieldLayout(bytes: count)
            case .field: return FieldLayout(bytes: nil)
            }
        case .blob(let blob):
            if case .constant(let count) = blob.length { return FieldLayout(bytes: count) }
            return FieldLayout(bytes: nil)
        case .structure(let structure):
            return FieldLayout(
                structureOf: field.children.lazy.map { layout($0) },
                minimumAlignmentBits: UInt64(structure.minimumAlignmentBits)
            )
        case .array(let array):
            let element = layout(field.children[0])
            let alignmentBits = max(element.alignmentBits, UInt64(array.minimumAlignmentBits))
            guard case .constant(let count) = array.length else {
                return FieldLayout(alignmentBits: alignmentBits)
            }
            let minimumBits = FieldLayout.product(count, element.minimumBits)
            return FieldLayout(
                alignmentBits: alignmentBits,
                minimumBits: minimumBits,
                fixedBits: element.fixedBits == nil ? nil : element.fixedBits(count: count),
                idleFields: FieldLayout.idleFields(minus: minimumBits)
            )
        case .variant:
            // The chosen option aligns itself.
            let least = field.children.lazy.map { layout($0).minimumBits }.min() ?? 0
            let idleFields = field.children.lazy.map { layout($0).idleFields }.max() ?? 0
            return FieldLayout(alignmentBits: 1, minimumBits: least, idleFields: idleFields + 1)
        case .optional:
            return FieldLayout(alignmentBits: 1, idleFields: max(0, layout(field.children[0]).idleFields) + 1)
        }
    }

    private func number(sizeBits: UInt32, alignmentBits: UInt32) -> FieldLayout {
        // A field whose byte order must be checked when it is read cannot be skipped with its neighbours.
        let isWatched = mixesByteOrders && (sizeBits % 8 != 0 || alignmentBits % 8 != 0)
        return FieldLayout(
            alignmentBits: UInt64(alignmentBits),
            minimumBits: UInt64(sizeBits),
            fixedBits: isWatched ? nil : UInt64(sizeBits),
            idleFields: FieldLayout.idleFields(minus: UInt64(sizeBits))
        )
    }

    /// Makes sure that there are not many fields without bits: reading them would cost, and a packet nothing.
    func checkIdleFields() throws(ProgramError) {
        for index in fields.indices where isReadByItself(fields[index]) {
            guard layouts[index].idleFields <= limits.idleFieldsMax else {
                throw ProgramError(.tooEmpty, path: path(FieldID(rawValue: UInt32(index))))
            }
        }
    }

    /// Whether it is a scope's root or an array's element.
    private func isReadByItself(_ field: ProgramField) -> Bool {
        guard let parent = field.parent else { return true }
        return if case .array = self[parent].fieldClass { true } else { false }
    }

    /// By field: whether it has to be shown so that all of `fields` are: itself, what is around it, and what is in it.
    func shown(_ fields: Set<FieldID>) -> ContiguousArray<Bool> {
        var isShown = ContiguousArray(repeating: false, count: self.fields.count)
        // What the outermost of these holds is shown as a whole.
        var isWhole = isShown
        for field in fields where self.fields.indices.contains(Int(field.rawValue)) {
            var whole = field
            var current: FieldID? = field
            while let id = current {
                isShown[Int(id.rawValue)] = true
                switch self[id].fieldClass {
                case .array, .variant, .optional: whole = id
                case .integer, .float, .string, .blob, .structure: break
                }
                current = self[id].parent
            }
            isWhole[Int(whole.rawValue)] = true
        }
        // A parent's number is less than its children's.
        for index in self.fields.indices {
            guard let parent = self.fields[index].parent, isWhole[Int(parent.rawValue)] else { continue }
            isWhole[index] = true
            isShown[index] = true
        }
        return isShown
    }

    /// The names that lead to a field, for people.
    func path(_ id: FieldID?) -> String {
        guard let id else { return "trace" }
        var names: [String] = []
        var current: FieldID? = id
        while let field = current {
            names.append(metadataNames[Int(field.rawValue)])
            current = self[field].parent
        }
        return "\(self[id].scope)" + names.reversed().filter { !$0.isEmpty }.map { "." + $0 }.joined()
    }
}
