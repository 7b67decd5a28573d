import CTF

/// The kinds of fields that only CTF 2 has.
extension RandomTraceClass {
    mutating func ctf2Class(
        _ name: String,
        path: [String],
        before: inout [StructureClass.Member],
        depth: Int
    ) -> FieldClass {
        switch Int.random(in: 0...(depth > 0 ? 8 : 5), using: &random) {
        case 0: return variableNumber()
        case 1: return bits()
        case 2:
            let sizeBits: UInt32 = random.pick([16, 32, 64])
            let isReversed = random.once(in: 2)
            return .float(
                FloatClass(sizeBits: sizeBits, alignmentBits: 8, byteOrder: byteOrder, isReversed: isReversed)
            )
        case 3: return .string(StringClass(encoding: encoding(), length: .terminated))
        case 4:
            let length = StringClass.Length.constant(.random(in: 0...9, using: &random))
            return .string(StringClass(encoding: encoding(), length: length))
        case 5: return .blob(BlobClass(length: .constant(.random(in: 0...9, using: &random))))
        case 6: return .string(StringClass(encoding: encoding(), length: .field(length(name, path, &before))))
        case 7: return .blob(BlobClass(length: .field(length(name, path, &before))))
        default: return optional(name, path: path, before: &before, depth: depth)
        }
    }

    private mutating func encoding() -> TextEncoding {
        random.pick([.utf8, .utf16LittleEndian, .utf16BigEndian, .utf32LittleEndian, .utf32BigEndian])
    }

    private mutating func variableNumber(isSigned: Bool? = nil) -> FieldClass {
        .integer(
            IntegerClass(
                sizeBits: 64,
                alignmentBits: 8,
                isSigned: isSigned ?? random.once(in: 2),
                isVariableLength: true
            )
        )
    }

    /// A boolean, an array of bits, or a number whose bits are the other way round.
    private mutating func bits() -> FieldClass {
        let sizeBits = UInt32.random(in: 1...64, using: &random)
        let meaning: IntegerClass.Meaning = random.pick([.number, .boolean, .bits])
        return .integer(
            IntegerClass(
                sizeBits: sizeBits,
                alignmentBits: random.pick([1, 8]),
                isSigned: meaning == .number && random.once(in: 2),
                byteOrder: byteOrder,
                meaning: meaning,
                isReversed: random.once(in: 2)
            )
        )
    }

    /// Where a length is: of fixed or variable length, or one of two that a variant chooses from.
    private mutating func length(
        _ name: String,
        _ path: [String],
        _ before: inout [StructureClass.Member]
    ) -> FieldLocation {
        let member = "_" + name + "_length"
        func unsigned() -> FieldClass {
            random.once(in: 2) ? variableNumber(isSigned: false) : number(sizeBits: 8, isSigned: false)
        }
        guard random.once(in: 3) else {
            before.append(self.member(name + "_length", unsigned()))
            return FieldLocation(scope: scope, path: path + [member])
        }
        let tag = FieldLocation(scope: scope, path: path + [member + "_tag"])
        let options = (0..<2).map { index in
            VariantClass.Option(
                member: StructureClass.Member(name: "", metadataName: "\(index)", fieldClass: unsigned()),
                selectorRanges: [IntegerRange(lowerBits: index, upperBits: index)]
            )
        }
        before.append(self.member(name + "_length_tag", number(sizeBits: 8, isSigned: false)))
        before.append(
            self.member(
                name + "_length",
                .variant(VariantClass(selector: tag, selectorIsSigned: false, options: options))
            )
        )
        return FieldLocation(scope: scope, path: path + [member, "0"], otherPaths: [path + [member, "1"]])
    }

    private mutating func optional(
        _ name: String,
        path: [String],
        before: inout [StructureClass.Member],
        depth: Int
    ) -> FieldClass {
        let location = FieldLocation(scope: scope, path: path + ["_" + name + "_there"])
        let isSigned = random.once(in: 2)
        let isBoolean = random.once(in: 2)
        if isBoolean {
            let boolean = IntegerClass(sizeBits: 3, alignmentBits: 1, byteOrder: byteOrder, meaning: .boolean)
            before.append(member(name + "_there", .integer(boolean)))
        } else {
            before.append(member(name + "_there", number(sizeBits: 8, isSigned: isSigned)))
        }
        var members: [StructureClass.Member] = []
        // An optional adds no name to the paths of what is in it.
        let inner = fieldClass(name, path: path, before: &members, depth: depth - 1)
        let low = UInt64(bitPattern: isSigned ? -3 : 2)
        return .optional(
            OptionalClass(
                // What would need another field before it is a plain number.
                element: members.isEmpty ? inner : number(),
                selector: location,
                selectorIsSigned: isSigned && !isBoolean,
                selectorRanges: isBoolean
                    ? [IntegerRange(lowerBits: 1, upperBits: .max)] : [IntegerRange(lowerBits: low, upperBits: 4)]
            )
        )
    }
}
