import CTF
import Feed

/// Reads the events of one slice, one after the other. The slice lives as long as its group.
struct SliceReader {
    let slice: EventSlice
    let keys: ProgramKeys
    private let bytes: PacketBytes
    private var cursor: EventCursor
    /// An event could not be read: where the next one begins is not known.
    private var isUnreadable = false

    init(_ slice: EventSlice, keys: ProgramKeys) {
        self.slice = slice
        self.keys = keys
        bytes = PacketBytes(slice.bytes, firstByte: Int(clamping: slice.firstBits / 8))
        cursor = EventCursor(positionBits: slice.firstBits, clockCycles: slice.clockCycles)
    }

    /// - Returns: false for an event that cannot be read.
    mutating func readNext(_ visitor: inout some FieldVisitor) -> Bool {
        guard !isUnreadable else { return false }
        do throws(PacketError) {
            try slice.packet.program.visitEvent(
                bytes,
                preamble: slice.packet.preamble,
                cursor: &cursor,
                visitor: &visitor
            )
        } catch {
            isUnreadable = true
        }
        return !isUnreadable
    }
}

/// The keys of programs, made once for each. Each holds on to its program, so that an identifier is never used twice.
struct ProgramKeysCache {
    /// Programs that are kept when no event uses them any more.
    private static let idleProgramsMax = 256

    private var keys: [ObjectIdentifier: ProgramKeys] = [:]

    mutating func keys(of program: TraceProgram) -> ProgramKeys {
        if let known = keys[ObjectIdentifier(program)] { return known }
        let new = ProgramKeys(program)
        keys[ObjectIdentifier(program)] = new
        return new
    }

    /// Nothing points at keys any more.
    mutating func forgetIdle() {
        if keys.count > Self.idleProgramsMax { keys.removeAll() }
    }
}
