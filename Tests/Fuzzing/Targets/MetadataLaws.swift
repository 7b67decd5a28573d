import CTF
import MetadataWriter

/// Laws of reading metadata, for any bytes.
enum MetadataLaws {
    private static let packetBytesMax = 64

    /// Reads the bytes whole and in another way, which their number chooses: in two or three pieces, in many, or, where
    /// they are text, in packets. What comes out is the same; it is compiled, and the program tried on the last bytes.
    static func check(_ input: UnsafeRawBufferPointer) {
        let whole = MetadataReading(input, cuts: [])
        let cuts = MetadataCuts(input)
        switch input.count % 3 {
        case 0: compare(whole, MetadataReading(input, cuts: cuts.few), "pieces are read as the whole is")
        case 1: compare(whole, MetadataReading(input, cuts: cuts.many), "small pieces are read as the whole is")
        default:
            if !MetadataCuts.mayBeginPacket(input) { checkPackets(input, whole) }
        }
        guard let traceClass = whole.traceClass, let program = try? TraceProgram(traceClass) else { return }
        let packet = UnsafeRawBufferPointer(rebasing: input.suffix(Self.packetBytesMax))
        PacketLaws(program, packet, cut: packet.count / 2).check()
    }

    /// Text in packets says what the plain text does, but for an end that is missing.
    private static func checkPackets(_ text: UnsafeRawBufferPointer, _ plain: MetadataReading) {
        let maker = PacketMaker(isLittleEndian: text.count % 2 == 0, paddingBytes: text.count % 5)
        let packets = maker.packets(Array(text), textBytes: 1 + text.count % 97)
        packets.withUnsafeBytes { bytes in
            compare(plain, MetadataReading(bytes, cuts: []), "packets are read as their text is")
        }
    }

    private static func compare(_ whole: MetadataReading, _ other: MetadataReading, _ name: String) {
        law(whole.error == other.error, "\(name): \(whole.shown) and \(other.shown)")
        law(whole.traceClass == other.traceClass, "\(name), also before \(whole.shown)")
    }
}

/// What reading comes to.
struct MetadataReading {
    private(set) var traceClass: TraceClass?
    private(set) var error: MetadataError?

    /// - Parameter cuts: where one piece ends and the next one begins, ascending.
    init(_ input: UnsafeRawBufferPointer, cuts: [Int]) {
        var reader = MetadataReader()
        var start = 0
        for end in cuts + [input.count] {
            // What cannot be used yet may heal with a later piece: the end decides.
            note { () throws(MetadataError) in
                try input.withExactCopy(of: start..<end) { piece throws(MetadataError) in try reader.append(piece) }
            }
            start = end
        }
        error = nil
        note { () throws(MetadataError) in try reader.finish() }
        traceClass = reader.traceClass
    }

    private mutating func note(_ read: () throws(MetadataError) -> Void) {
        do throws(MetadataError) {
            try read()
        } catch {
            law(!error.description.isEmpty, "an error has a description")
            self.error = error
        }
    }

    var shown: String { error.map { "\($0)" } ?? "no error" }
}

/// Where bytes are cut: they say so themselves.
struct MetadataCuts {
    /// Two at most.
    let few: [Int]
    /// Every few dozen bytes.
    let many: [Int]

    init(_ input: UnsafeRawBufferPointer) {
        let borders = Self.packetBorders(input)
        var many: [Int] = []
        var at = 0
        while at < input.count {
            at += 1 + Int(input[at]) % 47
            if at < input.count, !Self.isMagic(input, at: at), !borders.contains(at) { many.append(at) }
        }
        self.many = many
        // Some place in the first half, and one behind it.
        let places = [many.count / 3, many.count / 3 + Int(input.first ?? 0) % 7]
        few = Set(places.filter(many.indices.contains)).sorted().map { many[$0] }
    }

    private static let magics: [[UInt8]] = [[0x57, 0x1D, 0xD1, 0x75], [0x75, 0xD1, 0x1D, 0x57]]

    /// Whether text that goes on here with a new piece would show itself as packets.
    private static func isMagic(_ input: UnsafeRawBufferPointer, at offset: Int) -> Bool {
        magics.contains { $0.elementsEqual(input[offset...].prefix(4)) }
    }

    /// Where metadata packets end: what follows in another piece may be plain text, and in the same one may not.
    private static func packetBorders(_ input: UnsafeRawBufferPointer) -> Set<Int> {
        var borders: Set<Int> = []
        var offset = 0
        while isMagic(input, at: offset), input.count - offset >= 32 {
            let size = input.loadUnaligned(fromByteOffset: offset + 28, as: UInt32.self)
            let bytes = Int(input[offset] == magics[0][0] ? size.littleEndian : size.bigEndian) / 8
            guard bytes > 0, bytes <= input.count - offset else { break }
            offset += bytes
            borders.insert(offset)
        }
        return borders
    }

    /// Whether the bytes are packets, or so few that they may become some.
    static func mayBeginPacket(_ input: UnsafeRawBufferPointer) -> Bool {
        magics.contains { $0.starts(with: input.prefix(4)) }
    }
}
