import CFeedSchema

/// Walks over a message that a peer sent before protobuf-c may unpack it.
///
/// protobuf-c recurses once for each message inside a message and has no limit for it, so the depth is bounded here,
/// by a walk with a stack of its own; so are the number of fields, and every length against the one around it. A
/// field that may stand once must not stand twice: protobuf-c's merging of such messages is never reached.
///
/// One repeated field of bytes may be left out of the walk's message: `tail`. Its values, which must be the message's
/// last fields, are only noted: they stay where they are.
struct StructureScan {
    /// Where a tail value lies in the message.
    struct Extent: BitwiseCopyable {
        var offset: Int
        var count: Int
    }

    private struct Level {
        let descriptor: UnsafePointer<ProtobufCMessageDescriptor>
        let end: Int
        /// Bit n: field n of the descriptor has been seen.
        var seen: UInt64 = 0
    }

    private let limits: FeedLimits
    private var levels: [Level] = []
    private var offset = 0
    private var fieldCount = 0
    /// The values of the tail field of the message that was walked over last.
    private(set) var tail: [Extent] = []
    /// How many bytes of that message stand before its tail.
    private(set) var headBytes = 0

    init(limits: FeedLimits) {
        self.limits = limits
    }

    /// - Parameter tailField: number of the field whose values are left out; 0: none.
    mutating func walk(
        _ bytes: UnsafeRawBufferPointer,
        _ descriptor: UnsafePointer<ProtobufCMessageDescriptor>,
        tailField: UInt32 = 0
    ) throws(FeedError) {
        levels.removeAll(keepingCapacity: true)
        tail.removeAll(keepingCapacity: true)
        offset = 0
        fieldCount = 0
        headBytes = bytes.count
        levels.append(Level(descriptor: descriptor, end: bytes.count))
        while let level = levels.last {
            if offset == level.end {
                levels.removeLast()
                continue
            }
            fieldCount += 1
            guard fieldCount <= limits.fieldCount else { throw .tooManyElements(limit: limits.fieldCount) }
            let fieldStart = offset
            let key = try varint(bytes, end: level.end)
            guard key >> 3 > 0, key >> 3 < 1 << 29 else { throw .malformed(offset: fieldStart) }
            let number = UInt32(truncatingIfNeeded: key >> 3)
            if tailField != 0, levels.count == 1, number == tailField {
                try noteTail(bytes, key: key, fieldStart: fieldStart, end: level.end)
            } else if levels.count == 1, !tail.isEmpty {
                throw .invalid(.sliceBytes)
            } else {
                try field(bytes, number: number, wireType: key & 7, fieldStart: fieldStart, end: level.end)
            }
        }
    }

    private mutating func noteTail(
        _ bytes: UnsafeRawBufferPointer,
        key: UInt64,
        fieldStart: Int,
        end: Int
    ) throws(FeedError) {
        guard key & 7 == 2 else { throw .malformed(offset: fieldStart) }
        if tail.isEmpty { headBytes = fieldStart }
        let count = try length(bytes, end: end)
        tail.append(Extent(offset: offset, count: count))
        offset += count
    }

    private mutating func field(
        _ bytes: UnsafeRawBufferPointer,
        number: UInt32,
        wireType: UInt64,
        fieldStart: Int,
        end: Int
    ) throws(FeedError) {
        let top = levels.count - 1
        let descriptor = levels[top].descriptor
        let field = protobuf_c_message_descriptor_get_field(descriptor, number)
        if let field, field.pointee.label != PROTOBUF_C_LABEL_REPEATED {
            let index = field - descriptor.pointee.fields
            guard index < 64, levels[top].seen >> UInt64(index) & 1 == 0 else { throw .malformed(offset: fieldStart) }
            levels[top].seen |= 1 << UInt64(index)
        }
        switch wireType {
        case 0: _ = try varint(bytes, end: end)
        case 1: try skip(8, end: end)
        case 5: try skip(4, end: end)
        case 2:
            let count = try length(bytes, end: end)
            guard let field, field.pointee.type == PROTOBUF_C_TYPE_MESSAGE, let inner = field.pointee.descriptor else {
                offset += count
                return
            }
            guard levels.count < limits.nestingDepth else { throw .nestedTooDeep(limit: limits.nestingDepth) }
            let message = inner.assumingMemoryBound(to: ProtobufCMessageDescriptor.self)
            levels.append(Level(descriptor: message, end: offset + count))
        default: throw .malformed(offset: fieldStart)
        }
    }

    private mutating func skip(_ count: Int, end: Int) throws(FeedError) {
        guard count <= end - offset else { throw .malformed(offset: offset) }
        offset += count
    }

    /// A length, which does not reach past `end`.
    private mutating func length(_ bytes: UnsafeRawBufferPointer, end: Int) throws(FeedError) -> Int {
        let start = offset
        let count = try varint(bytes, end: end)
        guard count <= UInt64(end - offset) else { throw .malformed(offset: start) }
        return Int(count)
    }

    private mutating func varint(_ bytes: UnsafeRawBufferPointer, end: Int) throws(FeedError) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<10 {
            guard offset < end else { throw .malformed(offset: offset) }
            let byte = bytes[offset]
            offset += 1
            value |= UInt64(byte & 0x7F) << (7 * UInt64(index))
            if byte < 0x80 { return value }
        }
        throw .malformed(offset: offset)
    }
}
