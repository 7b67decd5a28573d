package import CTF

/// Makes trace classes by chance: all kinds of fields, sizes, alignments, and places for lengths and selectors.
package struct RandomTraceClass {
    package var random: SeededRandom
    var scope = FieldScope.packetHeader
    /// Integers of earlier scopes that lengths may refer to.
    var sharedLengths: [FieldLocation] = []
    private var nameCount = 0
    /// Whether kinds of fields may occur that only CTF 2 has.
    private let usesCTF2: Bool
    let byteOrder: ByteOrder
    /// Whether whole bytes of the other order may occur.
    private let mixesByteOrders: Bool

    package init(seed: UInt64) {
        random = SeededRandom(seed: seed)
        byteOrder = random.once(in: 2) ? .littleEndian : .bigEndian
        mixesByteOrders = random.once(in: 4)
        usesCTF2 = random.once(in: 2)
    }

    /// A trace with two stream classes of up to four event classes each.
    package mutating func make() -> TraceClass {
        var trace = TraceClass(
            uuid: TraceUUID(high: random.next(), low: random.next()),
            byteOrder: byteOrder,
            clocks: [ClockClass(name: "clock", frequencyHz: random.pick([1_000_000_000, 1000, 19_200_000]))]
        )
        trace.packetHeader = packetHeader()
        let headerLengths = sharedLengths
        for id in [UInt64(0), 3] {
            sharedLengths = headerLengths
            trace.streamClasses.append(streamClass(id: id))
        }
        return trace
    }

    // MARK: scopes

    private mutating func packetHeader() -> StructureClass {
        scope = .packetHeader
        let byte = IntegerClass(sizeBits: 8, alignmentBits: 8, byteOrder: byteOrder)
        var members = [
            member("magic", integer(32, roles: .packetMagicNumber)),
            member(
                "uuid",
                .array(ArrayClass(element: .integer(byte), length: .constant(16), roles: .metadataStreamUUID))
            ),
            member("stream_id", integer(8, roles: .streamClassID)),
        ]
        if random.once(in: 2) { members.append(sharedLength("header_length")) }
        if random.once(in: 3) { members += self.members(["extra"], path: [], depth: 2) }
        return StructureClass(members: members)
    }

    private mutating func streamClass(id: UInt64) -> StreamClass {
        var stream = StreamClass(id: id, defaultClock: 0)
        scope = .packetContext
        var context = [
            member("timestamp_begin", integer(64, roles: .defaultClockTimestamp)),
            member("timestamp_end", integer(64, roles: .packetEndTimestamp)),
            member("content_size", integer(32, roles: .packetContentLength)),
            member("packet_size", integer(32, roles: .packetTotalLength)),
            member("cpu_id", integer(32)),
        ]
        if random.once(in: 2) { context.append(sharedLength("context_length")) }
        context += members(names(0...2), path: [], depth: 2)
        stream.packetContext = StructureClass(members: context)

        scope = .eventHeader
        var header = [
            member("id", integer(random.pick([8, 5]), roles: .eventRecordClassID)),
            member("timestamp", integer(random.pick([64, 32, 27]), roles: .defaultClockTimestamp)),
        ]
        if random.once(in: 3) { header.append(sharedLength("event_length")) }
        stream.eventHeader = StructureClass(members: header, minimumAlignmentBits: random.pick([1, 8, 32]))

        if random.once(in: 2) { stream.eventCommonContext = root(.eventCommonContext, 0...2) }
        for event in 0..<UInt64.random(in: 1...4, using: &random) {
            var eventClass = EventClass(id: event * 3, name: "event \(event)")
            if random.once(in: 3) { eventClass.specificContext = root(.eventSpecificContext, 0...2) }
            if !random.once(in: 8) { eventClass.payload = root(.eventPayload, 0...5) }
            stream.eventClasses.append(eventClass)
        }
        return stream
    }

    private mutating func root(_ scope: FieldScope, _ count: ClosedRange<Int>) -> StructureClass {
        self.scope = scope
        return StructureClass(
            members: members(names(count), path: [], depth: 3),
            minimumAlignmentBits: random.pick([1, 1, 8, 64])
        )
    }

    /// An integer that lengths of later scopes may refer to.
    private mutating func sharedLength(_ name: String) -> StructureClass.Member {
        sharedLengths.append(FieldLocation(scope: scope, path: ["_" + name]))
        return member(name, integer(8))
    }

    // MARK: members

    mutating func names(_ count: ClosedRange<Int>) -> [String] {
        (0..<Int.random(in: count, using: &random)).map { _ in
            nameCount += 1
            return "f\(nameCount)"
        }
    }

    func member(_ name: String, _ fieldClass: FieldClass) -> StructureClass.Member {
        StructureClass.Member(name: name, metadataName: "_" + name, fieldClass: fieldClass)
    }

    private func integer(_ sizeBits: UInt32, roles: FieldRoles = []) -> FieldClass {
        .integer(
            IntegerClass(
                sizeBits: sizeBits,
                alignmentBits: sizeBits % 8 == 0 ? 8 : 1,
                byteOrder: byteOrder,
                roles: roles
            )
        )
    }

    /// Members, and before each the lengths and selectors that it needs.
    private mutating func members(_ names: [String], path: [String], depth: Int) -> [StructureClass.Member] {
        var members: [StructureClass.Member] = []
        for name in names {
            var before: [StructureClass.Member] = []
            let fieldClass = fieldClass(name, path: path, before: &before, depth: depth)
            members += before + [member(name, fieldClass)]
        }
        return members
    }

    mutating func fieldClass(
        _ name: String,
        path: [String],
        before: inout [StructureClass.Member],
        depth: Int
    ) -> FieldClass {
        if usesCTF2, random.once(in: 3) { return ctf2Class(name, path: path, before: &before, depth: depth) }
        switch Int.random(in: depth > 0 ? 0...9 : 0...4, using: &random) {
        case 0, 1, 2: return number()
        case 3: return float()
        case 4: return .string(StringClass())
        case 5, 6:
            let inner = names(0...3)
            return .structure(
                StructureClass(
                    members: members(inner, path: path + ["_" + name], depth: depth - 1),
                    minimumAlignmentBits: random.pick([1, 1, 8, 32])
                )
            )
        case 7: return array(name, path: path, length: .constant(.random(in: 0...4, using: &random)), depth: depth)
        case 8:
            if !sharedLengths.isEmpty && random.once(in: 2) {
                return array(name, path: path, length: .field(random.pick(sharedLengths)), depth: depth)
            }
            before.append(member(name + "_length", number(sizeBits: random.pick([4, 8, 16, 32]), isSigned: false)))
            let location = FieldLocation(scope: scope, path: path + ["_" + name + "_length"])
            return array(name, path: path, length: .field(location), depth: depth)
        default:
            return variant(name, path: path, before: &before, depth: depth)
        }
    }

    mutating func number(sizeBits: UInt32? = nil, isSigned: Bool? = nil) -> FieldClass {
        let sizeBits = sizeBits ?? random.pick([8, 16, 32, 64, UInt32.random(in: 1...64, using: &random)])
        let alignmentBits: UInt32 = random.pick([sizeBits % 8 == 0 ? 8 : 1, 1, 8, 16, 64])
        // Only whole bytes may change the order: elsewhere a byte could hold both.
        let isWhole = sizeBits % 8 == 0 && alignmentBits >= 8
        let other: ByteOrder = byteOrder == .littleEndian ? .bigEndian : .littleEndian
        return .integer(
            IntegerClass(
                sizeBits: sizeBits,
                alignmentBits: alignmentBits,
                isSigned: isSigned ?? random.once(in: 2),
                byteOrder: isWhole && mixesByteOrders && random.once(in: 2) ? other : byteOrder
            )
        )
    }

    private mutating func float() -> FieldClass {
        .float(
            FloatClass(
                sizeBits: random.pick([32, 64]),
                alignmentBits: random.pick([1, 8, 32, 64]),
                byteOrder: byteOrder
            )
        )
    }

    private mutating func array(
        _ name: String,
        path: [String],
        length: ArrayClass.Length,
        depth: Int
    ) -> FieldClass {
        if random.once(in: 3) {
            let character = IntegerClass(sizeBits: 8, alignmentBits: 8, byteOrder: byteOrder, encoding: .utf8)
            return .array(ArrayClass(element: .integer(character), length: length))
        }
        // A length or selector of an element must stand in it, so elements that need one are structures.
        var before: [StructureClass.Member] = []
        let element = fieldClass(name, path: path, before: &before, depth: depth - 1)
        guard before.isEmpty else {
            let inner = names(1...2)
            let structure = StructureClass(members: members(inner, path: path + ["_" + name], depth: depth - 1))
            return .array(ArrayClass(element: .structure(structure), length: length))
        }
        return .array(
            ArrayClass(element: element, length: length, minimumAlignmentBits: random.pick([1, 1, 8, 32]))
        )
    }

    private mutating func variant(
        _ name: String,
        path: [String],
        before: inout [StructureClass.Member],
        depth: Int
    ) -> FieldClass {
        let isSigned = random.once(in: 2)
        let sizeBits: UInt32 = random.pick([5, 8, 16])
        before.append(member(name + "_tag", number(sizeBits: sizeBits, isSigned: isSigned)))
        let options = names(1...3).enumerated().map { index, option in
            // Options of signed tags lie on both sides of 0.
            let lower = Int64(index * 3) - (isSigned ? 4 : 0)
            let range = IntegerRange(
                lowerBits: UInt64(bitPattern: lower),
                upperBits: UInt64(bitPattern: lower + (index == 1 ? 2 : 0))
            )
            var members: [StructureClass.Member] = []
            let inner = fieldClass(option, path: path + ["_" + name], before: &members, depth: depth - 1)
            // An option is one field: where it would need another before it, it is a plain number.
            return VariantClass.Option(
                member: member(option, members.isEmpty ? inner : number()),
                selectorRanges: [range]
            )
        }
        return .variant(
            VariantClass(
                selector: FieldLocation(scope: scope, path: path + ["_" + name + "_tag"]),
                selectorIsSigned: isSigned,
                options: options
            )
        )
    }
}
