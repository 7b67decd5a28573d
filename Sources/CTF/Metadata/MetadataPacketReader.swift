/// Takes the text out of metadata that comes in packets (CTF 1.8, 7.1), or passes plain text on.
///
///      0      4                    20        24             28            32
///     | magic | trace UUID (16 B) | checksum | content_size | packet_size |
///     | compression 32 | encryption 33 | checksum scheme 34 | major 35 | minor 36 | text from 37 on …
///
/// Numbers have the byte order that the magic number shows. Sizes are in bits and count the header. The content of
/// one packet goes on in the next one, anywhere inside of a word. Bytes come in pieces of any size: what is held here
/// is less than one header.
///
/// Behind a header that is bad nobody knows where the next one stands: the rest of the reply is passed over, and so are
/// replies up to one that begins with a good header.
package struct MetadataPacketReader: Sendable {
    private static let magic: UInt32 = 0x75D1_1D57
    private static let littleEndianMagic: [UInt8] = [0x57, 0x1D, 0xD1, 0x75]
    private static let headerBytes = 37

    private enum State: Sendable, Equatable {
        /// Nothing has come yet, or a reply of plain text has ended: what follows shows by its first bytes what it is.
        case undecided
        case plain
        /// Between packets.
        case header
        case content(bytesLeft: Int, paddingBytes: Int)
        case padding(bytesLeft: Int)
        /// Behind a bad header.
        case lost
        /// At the beginning of a reply, behind a bad header in an earlier one.
        case sought
    }

    /// The header that could not be read, until a good one has come.
    private(set) var fault: MetadataError?
    /// How often something has been passed over.
    private(set) var gapCount = 0
    private var state = State.undecided
    /// The beginning of a packet header, or of text of which it is not yet clear that it is none.
    private var held: [UInt8] = []
    /// The UUID of the first packet.
    private var uuid: [UInt8]?
    /// Bytes that came in earlier pieces.
    private var earlierBytes: UInt64 = 0
    /// Where the packet begins whose header was read last, for messages.
    private var packetStart: UInt64 = 0

    package init() {}

    /// Appends to `text` the text of one reply, or of a piece of one, up to a header that is bad.
    package mutating func read(_ bytes: UnsafeRawBufferPointer, into text: inout [UInt8]) {
        var offset = 0
        defer { earlierBytes += UInt64(bytes.count) }
        switch state {
        case .plain, .header: state = held.isEmpty ? .undecided : state
        case .lost: state = .sought
        case .undecided, .content, .padding, .sought: break
        }
        while offset < bytes.count {
            let left = bytes.count - offset
            switch state {
            case .undecided:
                offset += hold(4, from: bytes, at: offset)
                decide(text: &text)
            case .sought:
                offset += hold(4, from: bytes, at: offset)
                seek()
            case .lost:
                offset = bytes.count
            case .plain:
                text.append(contentsOf: bytes[offset...])
                offset = bytes.count
            case .header:
                offset += hold(Self.headerBytes, from: bytes, at: offset)
                if held.count == Self.headerBytes {
                    packetStart = earlierBytes + UInt64(offset) - UInt64(Self.headerBytes)
                    takeHeader()
                }
            case .content(let bytesLeft, let paddingBytes):
                let count = min(left, bytesLeft)
                text.append(contentsOf: bytes[offset..<offset + count])
                offset += count
                state =
                    count == bytesLeft
                    ? .padding(bytesLeft: paddingBytes)
                    : .content(bytesLeft: bytesLeft - count, paddingBytes: paddingBytes)
            case .padding(let bytesLeft):
                let count = min(left, bytesLeft)
                offset += count
                state = count == bytesLeft ? .header : .padding(bytesLeft: bytesLeft - count)
            }
        }
        // An empty padding ends with its content.
        if case .padding(0) = state { state = .header }
    }

    /// Gives up waiting: bytes that might have become a packet header were text.
    /// - Throws: `packetTruncated` when a packet is incomplete, or what was wrong with the last header. Padding may be
    ///   missing.
    mutating func finish(into text: inout [UInt8]) throws(MetadataError) {
        if let fault { throw fault }
        switch state {
        case .undecided:
            text.append(contentsOf: held)
            held = []
        case .header where !held.isEmpty:
            packetStart = earlierBytes - UInt64(held.count)
            throw refusal(.packetTruncated)
        case .content:
            throw refusal(.packetTruncated)
        case .plain, .header, .padding, .lost, .sought:
            break
        }
    }

    /// Adds bytes to those that are held, up to `count` in all; returns how many.
    private mutating func hold(_ count: Int, from bytes: UnsafeRawBufferPointer, at offset: Int) -> Int {
        let taken = min(count - held.count, bytes.count - offset)
        held.append(contentsOf: bytes[offset..<offset + taken])
        return taken
    }

    /// Decides by at most four held bytes whether a packet begins.
    private mutating func decide(text: inout [UInt8]) {
        if heldBeginsMagic {
            if held.count == 4 { state = .header }
            return
        }
        state = .plain
        text.append(contentsOf: held)
        held = []
    }

    /// As `decide`, where nothing but a packet will do.
    private mutating func seek() {
        if heldBeginsMagic {
            if held.count == 4 { state = .header }
            return
        }
        state = .lost
        held = []
    }

    private var heldBeginsMagic: Bool {
        Self.littleEndianMagic.starts(with: held) || Self.littleEndianMagic.reversed().starts(with: held)
    }

    private func refusal(_ code: MetadataError.Code) -> MetadataError {
        MetadataError(code, line: 0, column: 0, subject: "it begins at byte \(packetStart)")
    }

    private mutating func takeHeader() {
        let header = held
        held = []
        do {
            state = try content(behind: header)
            fault = nil
        } catch {
            state = .lost
            fault = error
            gapCount += 1
        }
    }

    /// What follows a header.
    private mutating func content(behind header: [UInt8]) throws(MetadataError) -> State {
        let isLittleEndian = header[0] == Self.littleEndianMagic[0]
        func number(_ at: Int) -> UInt32 {
            let value = (0..<4).reduce(UInt32(0)) { $0 << 8 | UInt32(header[at + $1]) }
            return isLittleEndian ? value.byteSwapped : value
        }

        guard number(0) == Self.magic else { throw refusal(.packetMagicMissing) }
        guard header[32] == 0 else { throw refusal(.packetCompressed) }
        guard header[33] == 0 else { throw refusal(.packetEncrypted) }
        guard header[34] == 0, number(20) == 0 else { throw refusal(.packetChecksummed) }
        // Tracers stamp 1.8, and those of CTF 2 either that or 2.0.
        guard (header[35], header[36]) == (1, 8) || (header[35], header[36]) == (2, 0)
        else { throw refusal(.packetVersionUnknown) }
        let packetUUID = Array(header[4..<20])
        guard packetUUID == uuid ?? packetUUID else { throw refusal(.packetUUIDChanged) }
        uuid = packetUUID

        let contentBits = Int(number(24))
        let packetBits = Int(number(28))
        guard contentBits % 8 == 0, packetBits % 8 == 0, contentBits >= Self.headerBytes * 8, packetBits >= contentBits
        else { throw refusal(.packetSizeInvalid) }
        let contentBytes = contentBits / 8 - Self.headerBytes
        let paddingBytes = (packetBits - contentBits) / 8
        return contentBytes == 0
            ? .padding(bytesLeft: paddingBytes)
            : .content(bytesLeft: contentBytes, paddingBytes: paddingBytes)
    }
}
