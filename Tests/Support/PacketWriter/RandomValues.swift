package import CTF

/// Makes values by chance for the fields of a trace class, such that lengths and selectors fit what they stand for.
package struct RandomValues {
    package var random: SeededRandom
    /// What the integers that others refer to may be.
    private var choices: [FieldLocation: [UInt64]] = [:]
    /// What they are, in the scopes at hand.
    private var known: [FieldLocation: UInt64] = [:]
    /// Values of fields with a role.
    package var roleValues: [UInt32: UInt64] = [:]
    private let uuid: TraceUUID?

    package init(_ trace: TraceClass, seed: UInt64) {
        random = SeededRandom(seed: seed)
        uuid = trace.uuid
        var roots = [trace.packetHeader]
        for stream in trace.streamClasses {
            roots += [stream.packetContext, stream.eventHeader, stream.eventCommonContext]
            roots += stream.eventClasses.flatMap { [$0.specificContext, $0.payload] }
        }
        for case let root? in roots { collect(.structure(root)) }
    }

    /// A value for the root of a scope.
    package mutating func value(_ scope: FieldScope, _ root: StructureClass?) -> FieldValue? {
        root.map { value(.structure($0), FieldLocation(scope: scope, path: [])) }
    }

    private mutating func collect(_ fieldClass: FieldClass) {
        switch fieldClass {
        case .integer, .float, .string: break
        case .structure(let structure): for member in structure.members { collect(member.fieldClass) }
        case .array(let array):
            if case .field(let location) = array.length { choices[location] = [0, 1, 2, 3, 5] }
            collect(array.element)
        case .variant(let variant):
            choices[variant.selector] = variant.options.flatMap { option in
                option.selectorRanges.flatMap { [$0.lowerBits, $0.upperBits] }
            }
            for option in variant.options { collect(option.member.fieldClass) }
        }
    }

    private mutating func value(_ fieldClass: FieldClass, _ location: FieldLocation) -> FieldValue {
        switch fieldClass {
        case .integer(let integer):
            let unused = 64 - UInt64(integer.sizeBits)
            let bits = roleValues[integer.roles.rawValue] ?? choices[location].map { random.pick($0) } ?? random.next()
            let number = Int64(bitPattern: bits << unused) >> Int64(unused)
            known[location] = integer.isSigned ? UInt64(bitPattern: number) : (bits << unused) >> unused
            return integer.isSigned ? .signed(number) : .unsigned((bits << unused) >> unused)
        case .float(let float):
            return .floatBits(random.next() >> UInt64(64 - float.sizeBits))
        case .string:
            let length = Int.random(in: 0...20, using: &random)
            return .text((0..<length).map { _ in UInt8.random(in: 1...255, using: &random) })
        case .structure(let structure):
            return .structure(structure.members.map { value($0.fieldClass, location.appending($0.metadataName)) })
        case .array(let array):
            if let uuid, array.roles.contains(.metadataStreamUUID) { return Self.array(uuid) }
            let count = length(array)
            guard array.textEncoding == nil else {
                return .text((0..<count).map { _ in random.once(in: 8) ? 0 : .random(in: 1...255, using: &random) })
            }
            return .array((0..<count).map { _ in value(array.element, location) })
        case .variant(let variant):
            let selector = known[variant.selector] ?? 0
            let option =
                variant.options.firstIndex { option in
                    option.selectorRanges.contains { $0.contains(selector, isSigned: variant.selectorIsSigned) }
                } ?? 0
            let member = variant.options[option].member
            return .option(option, value(member.fieldClass, location.appending(member.metadataName)))
        }
    }

    private func length(_ array: ArrayClass) -> UInt64 {
        switch array.length {
        case .constant(let count): count
        case .field(let location): known[location] ?? 0
        }
    }

    private static func array(_ uuid: TraceUUID) -> FieldValue {
        .array(
            (0..<16).map { index in
                .unsigned((index < 8 ? uuid.high : uuid.low) >> UInt64(56 - index % 8 * 8) & 0xFF)
            }
        )
    }
}

extension FieldLocation {
    fileprivate func appending(_ name: String) -> FieldLocation {
        FieldLocation(scope: scope, path: path + [name])
    }
}
