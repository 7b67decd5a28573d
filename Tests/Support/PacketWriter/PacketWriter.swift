package import CTF

/// Writes packets of a trace class: the reverse of decoding, and what decoding is tested against.
///
/// It walks the class tree for each value, and writes down what a visitor must be told; nothing in it is shared with
/// the decoder but the classes. Sizes that packet contexts carry are filled in by `finish`.
package struct PacketWriter {
    /// An event as the decoder must find it.
    package struct Expectation: Sendable {
        package var startBits: UInt64
        /// The clock's value after the event's header.
        package var cycles: UInt64
        package var calls: [Visited]
    }

    package let traceClass: TraceClass
    package let streamClass: StreamClass
    package private(set) var events: [Expectation] = []
    /// What a visitor of the packet context must be told.
    package private(set) var contextCalls: [Visited] = []
    package private(set) var firstEventBits: UInt64 = 0

    private var writer = BitWriter()
    private var calls: [Visited] = []
    /// Whether values are those of a visited scope.
    private var isSeen = false
    private var sizeFields: [(start: Int, class: IntegerClass)] = []

    /// Begins a packet.
    /// - Parameters:
    ///   - header: a value for the packet header, if the trace has one; sizes and magic number are filled in.
    ///   - context: a value for the packet context, if the stream class has one.
    package init(_ traceClass: TraceClass, stream: Int, header: FieldValue? = nil, context: FieldValue? = nil) {
        self.traceClass = traceClass
        streamClass = traceClass.streamClasses[stream]
        write(.packetHeader, traceClass.packetHeader, header, isSeen: false)
        write(.packetContext, streamClass.packetContext, context, isSeen: true)
        contextCalls = calls
        firstEventBits = UInt64(writer.positionBits)
    }

    package var positionBits: UInt64 { UInt64(writer.positionBits) }

    /// Writes an event.
    /// - Parameters:
    ///   - event: index in the stream class's event classes.
    ///   - programIndex: index of the event in `TraceProgram.events`.
    ///   - cycles: the clock's value that `header` stands for.
    package mutating func write(
        event: Int,
        programIndex: Int,
        cycles: UInt64,
        header: FieldValue? = nil,
        common: FieldValue? = nil,
        specific: FieldValue? = nil,
        payload: FieldValue? = nil
    ) {
        let start = positionBits
        calls = []
        let eventClass = streamClass.eventClasses[event]
        write(.eventHeader, streamClass.eventHeader, header, isSeen: false)
        calls.append(.beginEvent(programIndex, clockCycles: cycles))
        write(.eventCommonContext, streamClass.eventCommonContext, common, isSeen: true)
        write(.eventSpecificContext, eventClass.specificContext, specific, isSeen: true)
        write(.eventPayload, eventClass.payload, payload, isSeen: true)
        calls.append(.endEvent)
        events.append(Expectation(startBits: start, cycles: cycles, calls: calls))
    }

    /// Ends the packet.
    /// - Parameter paddingBytes: after the content.
    /// - Returns: its bytes, and where its content ends.
    package mutating func finish(paddingBytes: Int = 0) -> (bytes: [UInt8], contentBits: UInt64) {
        let contentBits = positionBits
        writer.align(8)
        writer.write([UInt8](repeating: 0xA5, count: paddingBytes))
        for field in sizeFields {
            let isTotal = field.class.roles.contains(.packetTotalLength)
            writer.overwrite(
                at: field.start,
                isTotal ? positionBits : contentBits,
                size: Int(field.class.sizeBits),
                field.class.byteOrder
            )
        }
        return (writer.bytes, contentBits)
    }

    // MARK: values

    private mutating func write(_ scope: FieldScope, _ root: StructureClass?, _ value: FieldValue?, isSeen: Bool) {
        guard let root else { return }
        guard case .structure(let values)? = value, values.count == root.members.count else {
            preconditionFailure("\(scope) wants \(root.members.count) values")
        }
        self.isSeen = isSeen
        writer.align(alignment(.structure(root)))
        note(.beginScope(scope))
        for (member, value) in zip(root.members, values) {
            self.isSeen = isSeen && !(scope == .packetContext && isBookkeeping(member.fieldClass))
            write(member.fieldClass, member.name, value)
        }
        self.isSeen = isSeen
        note(.endScope(scope))
    }

    private func isBookkeeping(_ fieldClass: FieldClass) -> Bool {
        guard case .integer(let integer) = fieldClass else { return false }
        return !integer.roles.isEmpty
    }

    private mutating func note(_ call: Visited) {
        if isSeen { calls.append(call) }
    }

    private mutating func write(_ fieldClass: FieldClass, _ name: String, _ value: FieldValue) {
        writer.align(alignment(fieldClass))
        switch (fieldClass, value) {
        case (.integer(let integer), .unsigned(let bits)):
            if !integer.roles.isDisjoint(with: [.packetTotalLength, .packetContentLength]) {
                sizeFields.append((writer.positionBits, integer))
            }
            writer.write(bits, integer)
            note(.unsigned(name, bits))
        case (.integer(let integer), .signed(let number)):
            writer.write(UInt64(bitPattern: number), integer)
            note(.signed(name, number))
        case (.float(let float), .floatBits(let bits)):
            writer.write(bits, size: Int(float.sizeBits), float.byteOrder, isReversed: float.isReversed)
            switch float.sizeBits {
            case 16: note(.float(name, Float(Float16(bitPattern: UInt16(bits))).bitPattern))
            case 32: note(.float(name, UInt32(bits)))
            default: note(.double(name, bits))
            }
        case (.string(let string), .text(let bytes)):
            let unitBytes = string.encoding.unitBytes
            writer.write(string.length == .terminated ? bytes + [UInt8](repeating: 0, count: unitBytes) : bytes)
            note(.text(name, Self.text(bytes, unitBytes: unitBytes)))
        case (.blob, .blob(let bytes)):
            writer.write(bytes)
            note(.blob(name, bytes))
        case (.optional(let optional), .present(let value)):
            note(.beginOptional(name, isPresent: true))
            write(optional.element, "", value)
            note(.endOptional(name))
        case (.optional, .absent):
            note(.beginOptional(name, isPresent: false))
            note(.endOptional(name))
        case (.array, .text(let bytes)):
            writer.write(bytes)
            note(.text(name, Array(bytes.prefix { $0 != 0 })))
        case (.structure(let structure), .structure(let values)):
            note(.beginStructure(name))
            for (member, value) in zip(structure.members, values) { write(member.fieldClass, member.name, value) }
            note(.endStructure(name))
        case (.array(let array), .array(let values)):
            note(.beginArray(name, count: values.count))
            for value in values { write(array.element, "", value) }
            note(.endArray(name))
        case (.variant(let variant), .option(let option, let value)):
            note(.beginVariant(name, option: option))
            write(variant.options[option].member.fieldClass, variant.options[option].member.name, value)
            note(.endVariant(name))
        default:
            preconditionFailure("\(name): \(value) is no value of \(fieldClass)")
        }
    }

    /// What stands before the first NUL.
    private static func text(_ bytes: [UInt8], unitBytes: Int) -> [UInt8] {
        for start in stride(from: 0, to: bytes.count, by: unitBytes) {
            let unit = bytes[start..<min(start + unitBytes, bytes.count)]
            if unit.count == unitBytes, unit.allSatisfy({ $0 == 0 }) { return Array(bytes[..<start]) }
        }
        return bytes
    }

    private func alignment(_ fieldClass: FieldClass) -> Int {
        switch fieldClass {
        case .integer(let integer): Int(integer.alignmentBits)
        case .float(let float): Int(float.alignmentBits)
        case .string, .blob: 8
        case .structure(let structure):
            max(Int(structure.minimumAlignmentBits), structure.members.map { alignment($0.fieldClass) }.max() ?? 1)
        case .array(let array): max(Int(array.minimumAlignmentBits), alignment(array.element))
        case .variant, .optional: 1
        }
    }
}
