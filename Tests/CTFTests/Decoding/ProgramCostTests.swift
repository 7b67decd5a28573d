import PacketWriter
import Testing

@testable import CTF

/// What a trace class and a packet may cost a program.
@Suite struct ProgramCostTests {
    private let build = ClassBuilder()
    private let empty = FieldClass.structure(StructureClass(members: []))

    private func empties(_ count: Int) -> [StructureClass.Member] {
        (0..<count).map { build.member("e\($0)", empty) }
    }

    private func array(_ element: FieldClass, _ length: ArrayClass.Length = .constant(2)) -> FieldClass {
        .array(ArrayClass(element: element, length: length))
    }

    private func location(_ names: String...) -> FieldLocation { FieldLocation(scope: .eventPayload, path: names) }

    // MARK: fields without bits

    @Test func `many fields without a bit are refused`() {
        // The root counts, too.
        expect(nil, empties(255))
        expect(.tooEmpty, empties(256))
        expect(.tooEmpty, [build.integer("n", 8), build.member("a", array(structure(empties(256))))])
        expect(.tooEmpty, (0..<256).map { build.member("a\($0)", array(.string(StringClass()), .constant(0))) })
        expect(.tooEmpty, [build.integer("len", 8)] + (0..<272).map { build.sequence("s\($0)", 8, length: "_len") })
    }

    @Test func `bits make up for fields without any`() {
        expect(nil, [build.integer("n", 64)] + empties(120))
        expect(nil, [build.string("s")] + empties(69))
        expect(nil, [build.member("a", array(.integer(build.integerClass(8)), .constant(1000)))] + empties(1000))
        expect(nil, (0..<500).flatMap { [build.integer("n\($0)", 8), build.sequence("s\($0)", 8, length: "_n\($0)")] })
    }

    @Test func `an option counts when it has the most fields without bits, and an optional when it is there`() {
        let range = IntegerRange(lowerBits: 0, upperBits: 0)
        func options(_ classes: FieldClass...) -> FieldClass {
            let options = classes.enumerated().map { index, fieldClass in
                VariantClass.Option(member: build.member("o\(index)", fieldClass), selectorRanges: [range])
            }
            return .variant(VariantClass(selector: location("_t"), selectorIsSigned: false, options: options))
        }
        let full = FieldClass.integer(build.integerClass(64))
        expect(nil, [build.integer("t", 8), build.member("v", options(full, structure(empties(250))))])
        expect(.tooEmpty, [build.integer("t", 8), build.member("v", options(full, structure(empties(272))))])
        let optional = FieldClass.optional(
            OptionalClass(
                element: full,
                selector: location("_t"),
                selectorIsSigned: false,
                selectorRanges: [range]
            )
        )
        expect(nil, [build.integer("t", 8)] + (0..<250).map { build.member("o\($0)", optional) })
        expect(.tooEmpty, [build.integer("t", 8)] + (0..<272).map { build.member("o\($0)", optional) })
    }

    @Test func `elements without bits are few where there are few bits`() throws {
        let members = [build.integer("len", 16), build.member("s", array(empty, .field(location("_len"))))]
        for (count, code) in [(384, nil), (385, PacketError.Code.tooManyElements)] {
            let (program, packet) = try PacketErrorTests.payload(members) {
                $0 += [UInt8(count % 256), UInt8(count / 256)]
            }
            let decoded = try DecodedPacket(program, packet)
            #expect(decoded.error?.code == code)
            #expect(decoded.keys.count == (code == nil ? 1 : 0))
        }
    }

    @Test func `elements that may be empty and are not are as many as there are bits`() throws {
        let rows = array(array(.integer(build.integerClass(8)), .field(location("_n"))), .field(location("_len")))
        let members = [build.integer("len", 16), build.integer("n", 8), build.member("s", rows)]
        let (program, packet) = try PacketErrorTests.payload(members) {
            $0 += [0x88, 0x13, 1] + [UInt8](repeating: 7, count: 5000)
        }
        #expect(try DecodedPacket(program, packet).error == nil)
    }

    @Test func `each event may have some elements without bits`() throws {
        let members = [build.integer("len", 8), build.member("s", array(empty, .field(location("_len"))))]
        let (program, packet) = try PacketErrorTests.payload(members) { $0 += [200, 200, 200] }
        let decoded = try DecodedPacket(program, packet)
        #expect(decoded.error == nil && decoded.keys.count == 3)
    }

    // MARK: sizes

    @Test func `kept lengths have a limit`() {
        var limits = ProgramLimits()
        limits.slotCountMax = RunSlot.count + 5
        for (count, code) in [(5, nil), (6, ProgramError.Code.tooLarge)] {
            let members = (0..<count).flatMap {
                [build.integer("n\($0)", 8), build.sequence("s\($0)", 8, length: "_n\($0)")]
            }
            #expect(Self.code(ProgramErrorTests.trace(members), limits) == code)
        }
    }

    @Test func `a common context that each event repeats has a limit`() {
        var limits = ProgramLimits()
        limits.instructionsFree = 0
        let header = StructureClass(members: [build.integer("id", 16, roles: .eventRecordClassID)])
        for (count, code) in [(50, nil), (1000, ProgramError.Code.tooLarge)] {
            let context = StructureClass(members: (0..<count).map { build.string("s\($0)") })
            let classes = (0..<100).map { EventClass(id: UInt64($0), name: "e") }
            let stream = StreamClass(id: 0, eventHeader: header, eventCommonContext: context, eventClasses: classes)
            #expect(Self.code(TraceClass(streamClasses: [stream]), limits) == code)
        }
    }

    // MARK: wide variants

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `of many ranges the first that holds the selector counts`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let isSigned = seed % 2 == 0
        let options = (0..<40).map { index in
            let ranges = (0..<Int.random(in: 1...3, using: &random)).map { _ in
                let bounds = (0..<2).map { _ in
                    Int64.random(in: (isSigned ? -128 : 0)...(isSigned ? 127 : 255), using: &random)
                }
                return IntegerRange(
                    lowerBits: UInt64(bitPattern: bounds.min() ?? 0),
                    upperBits: UInt64(bitPattern: random.once(in: 3) ? bounds.max() ?? 0 : bounds.min() ?? 0)
                )
            }
            return VariantClass.Option(member: build.member("o\(index)", empty), selectorRanges: ranges)
        }
        let variant = VariantClass(selector: location("_t"), selectorIsSigned: isSigned, options: options)
        let (program, packet) = try PacketErrorTests.payload([
            build.integer("t", 8, isSigned: isSigned), build.member("v", .variant(variant)),
        ]) { $0 += Array(0...255) }
        let preamble = try DecodedPacket(program, packet).preamble
        for byte in 0...255 as ClosedRange<UInt8> {
            let bits = isSigned ? UInt64(bitPattern: Int64(Int8(bitPattern: byte))) : UInt64(byte)
            let expected = options.firstIndex { $0.selectorRanges.contains { $0.contains(bits, isSigned: isSigned) } }
            var cursor = EventCursor(positionBits: preamble.firstEventBits + UInt64(byte) * 8, clockCycles: 0)
            let calls = try? DecodedPacket.visit(program, packet, preamble, &cursor)
            let chosen = calls?.compactMap { if case .beginVariant(_, let option) = $0 { option } else { nil } }
            #expect(chosen == expected.map { [$0] }, "selector \(byte)")
        }
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func `ranges that are taken apart choose as they did`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let edges: [UInt64] = [0, 1, 2, 5, 9, 10, 11, .max - 1, .max]
        let ranges = (0..<Int.random(in: 0...12, using: &random)).map { _ in
            let (left, right) = (random.pick(edges), random.pick(edges))
            return OptionRange(
                lower: min(left, right),
                upper: max(left, right),
                option: UInt32.random(in: 0...3, using: &random),
                target: 0
            )
        }
        let apart = OptionRange.apart(ranges)
        #expect(zip(apart, apart.dropFirst()).allSatisfy { $0.upper < $1.lower })
        for value in edges + [3, 8, 12, 1 << 63] {
            let first = ranges.first { $0.lower <= value && value <= $0.upper }
            let found = apart.withUnsafeBufferPointer { buffer in OptionRange.find(value, in: buffer).map { buffer[$0] }
            }
            #expect(found?.option == first?.option)
        }
    }

    // MARK: helpers

    private func structure(_ members: [StructureClass.Member]) -> FieldClass {
        .structure(StructureClass(members: members))
    }

    private static func code(_ trace: TraceClass, _ limits: ProgramLimits = ProgramLimits()) -> ProgramError.Code? {
        do throws(ProgramError) {
            _ = try TraceProgram(trace, limits: limits)
            return nil
        } catch {
            return error.code
        }
    }

    private func expect(_ code: ProgramError.Code?, _ members: [StructureClass.Member]) {
        #expect(Self.code(ProgramErrorTests.trace(members)) == code)
    }
}
