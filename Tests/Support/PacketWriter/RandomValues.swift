package import CTF

/// Makes values by chance for the fields of a trace class, such that lengths and selectors fit what they stand for.
package struct RandomValues {
    package var random: SeededRandom
    /// What the integers that others refer to may be.
    private var choices: [FieldLocation: [UInt64]] = [:]
    /// What they are, in the scopes at hand, and the order in which they were made.
    private var known: [FieldLocation: (value: UInt64, order: Int)] = [:]
    private var order = 0
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
        case .integer, .float: break
        case .string(let string):
            if case .field(let location) = string.length { choose([0, 1, 2, 4, 7, 8], at: location) }
        case .blob(let blob):
            if case .field(let location) = blob.length { choose([0, 1, 5], at: location) }
        case .optional(let optional):
            choose([0, 1, 3, .max - 1], at: optional.selector)
            collect(optional.element)
        case .structure(let structure): for member in structure.members { collect(member.fieldClass) }
        case .array(let array):
            if case .field(let location) = array.length { choose([0, 1, 2, 3, 5], at: location) }
            collect(array.element)
        case .variant(let variant):
            let bounds = variant.options.flatMap { option in
                option.selectorRanges.flatMap { [$0.lowerBits, $0.upperBits] }
            }
            choose(bounds, at: variant.selector)
            for option in variant.options { collect(option.member.fieldClass) }
        }
    }

    private mutating func value(_ fieldClass: FieldClass, _ location: FieldLocation) -> FieldValue {
        switch fieldClass {
        case .integer(let integer):
            let unused = 64 - UInt64(integer.sizeBits)
            let bits = roleValues[integer.roles.rawValue] ?? choices[location].map { random.pick($0) } ?? random.next()
            let number = Int64(bitPattern: bits << unused) >> Int64(unused)
            order += 1
            known[location] = (integer.isSigned ? UInt64(bitPattern: number) : (bits << unused) >> unused, order)
            return integer.isSigned ? .signed(number) : .unsigned((bits << unused) >> unused)
        case .float(let float):
            let bits = random.next() >> UInt64(64 - float.sizeBits)
            // There are many NaNs, and no need to tell them apart.
            return .floatBits(float.sizeBits == 16 && Float16(bitPattern: UInt16(bits)).isNaN ? 0x7C00 : bits)
        case .string(let string):
            return .text(text(string))
        case .blob(let blob):
            if let uuid, blob.roles.contains(.metadataStreamUUID) { return .blob(Self.bytes(uuid)) }
            return .blob((0..<length(blob.length)).map { _ in .random(in: 0...255, using: &random) })
        case .optional(let optional):
            let selector = value(at: optional.selector)
            let isPresent = optional.selectorRanges.contains {
                $0.contains(selector, isSigned: optional.selectorIsSigned)
            }
            return isPresent ? .present(value(optional.element, location)) : .absent
        case .structure(let structure):
            return .structure(structure.members.map { value($0.fieldClass, location.appending($0.metadataName)) })
        case .array(let array):
            if let uuid, array.roles.contains(.metadataStreamUUID) { return Self.array(uuid) }
            let count = length(array.length)
            guard array.textEncoding == nil else {
                return .text((0..<count).map { _ in random.once(in: 8) ? 0 : .random(in: 1...255, using: &random) })
            }
            return .array((0..<count).map { _ in value(array.element, location) })
        case .variant(let variant):
            let selector = value(at: variant.selector)
            let option =
                variant.options.firstIndex { option in
                    option.selectorRanges.contains { $0.contains(selector, isSigned: variant.selectorIsSigned) }
                } ?? 0
            let member = variant.options[option].member
            return .option(option, value(member.fieldClass, location.appending(member.metadataName)))
        }
    }

    private func length(_ length: ArrayClass.Length) -> UInt64 {
        switch length {
        case .constant(let count): count
        case .field(let location): value(at: location)
        }
    }

    /// The value that was made last of those that a location means.
    private func value(at location: FieldLocation) -> UInt64 {
        location.each.compactMap { known[$0] }.max { $0.order < $1.order }?.value ?? 0
    }

    private mutating func choose(_ values: [UInt64], at location: FieldLocation) {
        for single in location.each { choices[single] = values }
    }

    private mutating func text(_ string: StringClass) -> [UInt8] {
        let count: Int
        switch string.length {
        case .terminated:
            // No NUL before the end.
            count = string.encoding.unitBytes * Int.random(in: 0...20, using: &random)
            return (0..<count).map { _ in UInt8.random(in: 1...255, using: &random) }
        case .constant(let length): count = Int(length)
        case .field(let location): count = Int(value(at: location))
        }
        return (0..<count).map { _ in random.once(in: 4) ? 0 : .random(in: 1...255, using: &random) }
    }

    private static func array(_ uuid: TraceUUID) -> FieldValue {
        .array(bytes(uuid).map { .unsigned(UInt64($0)) })
    }

    private static func bytes(_ uuid: TraceUUID) -> [UInt8] {
        [uuid.high, uuid.low].flatMap { word in
            stride(from: 56, through: 0, by: -8).map { (shift: UInt64) in UInt8(truncatingIfNeeded: word >> shift) }
        }
    }
}

extension FieldLocation {
    /// The locations of the single fields that it can mean.
    fileprivate var each: [FieldLocation] {
        (CollectionOfOne(path) + otherPaths).map { FieldLocation(scope: scope, path: $0) }
    }

    fileprivate func appending(_ name: String) -> FieldLocation {
        FieldLocation(scope: scope, path: path + [name])
    }
}
