import CTF

/// Where in the packets of a stream class the fields lie that may have to read otherwise for a viewer.
///
/// Only fields in front of which nothing varies in length, and that are whole bytes: those of every LTTng packet.
struct PacketLayout: Sendable, Equatable {
    /// An integer's bytes.
    struct Place: Sendable, Equatable {
        var firstByte: Int
        var byteCount: Int
        var byteOrder: ByteOrder
    }

    /// The first of the 16 bytes of the trace's UUID.
    private(set) var uuidByte: Int?
    private(set) var begin: Place?
    private(set) var end: Place?
    private(set) var content: Place?
    private(set) var total: Place?

    init(_ traceClass: TraceClass, streamClassID: UInt64) {
        guard let stream = traceClass.streamClasses.first(where: { $0.id == streamClassID }) else { return }
        var bits = 0
        guard walk(traceClass.packetHeader, &bits) else { return }
        _ = walk(stream.packetContext, &bits)
    }

    /// - Returns: false where only a packet tells what comes next.
    private mutating func walk(_ structure: StructureClass?, _ bits: inout Int) -> Bool {
        guard let structure else { return true }
        guard align(&bits, to: FieldClass.structure(structure).alignmentBits) else { return false }
        for member in structure.members {
            guard walk(member.fieldClass, named: member.name, &bits) else { return false }
        }
        return true
    }

    private mutating func walk(_ field: FieldClass, named name: String, _ bits: inout Int) -> Bool {
        guard align(&bits, to: field.alignmentBits) else { return false }
        switch field {
        case .integer(let integer):
            guard !integer.isVariableLength else { return false }
            note(integer, named: name, at: bits)
            bits += Int(integer.sizeBits)
        case .float(let float): bits += Int(float.sizeBits)
        case .structure(let structure): return walk(structure, &bits)
        case .array(let array):
            guard case .constant(let count) = array.length, count <= 256 else { return false }
            if array.roles.contains(.metadataStreamUUID), count == 16, bits % 8 == 0 { uuidByte = bits / 8 }
            for _ in 0..<count { guard walk(array.element, named: "", &bits) else { return false } }
        case .blob(let blob):
            guard case .constant(let count) = blob.length, count <= 256 else { return false }
            if blob.roles.contains(.metadataStreamUUID), count == 16 { uuidByte = bits / 8 }
            bits += Int(count) * 8
        case .string, .variant, .optional: return false
        }
        return true
    }

    private func align(_ bits: inout Int, to alignmentBits: Int) -> Bool {
        guard alignmentBits > 0, alignmentBits <= 1 << 16, bits <= 1 << 24 else { return false }
        bits = (bits + alignmentBits - 1) / alignmentBits * alignmentBits
        return true
    }

    private mutating func note(_ integer: IntegerClass, named name: String, at bits: Int) {
        guard integer.isPlain, bits % 8 == 0, integer.sizeBits % 8 == 0 else { return }
        let place = Place(firstByte: bits / 8, byteCount: Int(integer.sizeBits / 8), byteOrder: integer.byteOrder)
        if integer.roles.contains(.packetEndTimestamp) { end = place }
        if integer.roles.contains(.packetContentLength) { content = place }
        if integer.roles.contains(.packetTotalLength) { total = place }
        if name == "timestamp_begin" { begin = place }
    }
}

extension FieldClass {
    /// Of the field's first bit; a power of two.
    fileprivate var alignmentBits: Int {
        switch self {
        case .integer(let integer): Int(integer.alignmentBits)
        case .float(let float): Int(float.alignmentBits)
        case .string, .blob: 8
        case .structure(let structure):
            structure.members.reduce(Int(structure.minimumAlignmentBits)) { max($0, $1.fieldClass.alignmentBits) }
        case .array(let array): max(Int(array.minimumAlignmentBits), array.element.alignmentBits)
        case .variant, .optional: 1
        }
    }
}

extension [UInt8] {
    /// Writes a number over a packet's field, as far as the field takes it.
    mutating func overwrite(_ place: PacketLayout.Place, with value: UInt64) {
        guard place.firstByte + place.byteCount <= count else { return }
        for index in 0..<place.byteCount {
            let number = place.byteOrder == .littleEndian ? index : place.byteCount - 1 - index
            self[place.firstByte + index] = UInt8(truncatingIfNeeded: value >> UInt64(number * 8))
        }
    }

    mutating func overwrite(at first: Int, with uuid: TraceUUID) {
        guard first + 16 <= count else { return }
        for (index, byte) in uuid.bytes.enumerated() { self[first + index] = byte }
    }
}

extension TraceUUID {
    /// Its 16 bytes, in order.
    var bytes: [UInt8] {
        (0..<16).map { UInt8(truncatingIfNeeded: ($0 < 8 ? high : low) >> UInt64(56 - $0 % 8 * 8)) }
    }
}
