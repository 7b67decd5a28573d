/// What fuzzing feeds with bytes: each target reads them as something that a peer sends, and checks laws on what comes
/// out.
///
/// A law that does not hold is a trap, like any fault of the product itself: so a sanitizer, libFuzzer and a test all
/// see the same. The same targets are run three ways: over the stored corpus and over seeded mutations of it by the
/// tests, and by libFuzzer (`Tests/Fuzzing/run`).
package enum FuzzTarget: String, CaseIterable, Sendable {
    /// Metadata in TSDL, plain or in packets.
    case tsdl
    /// Metadata in the JSON fragments of CTF 2, plain or in packets.
    case ctf2
    /// A packet of a class that its first byte chooses; see `PacketInput`.
    case packets
    /// What a subscriber says behind TLS; the first byte is how it is split.
    case subscriber
    /// What a coordinator says to a subscriber behind TLS; the first byte is how it is split.
    case frames
    /// What a coordinator says to one that merges its feed; it is cut once, after 16 times as many bytes as the first
    /// byte says.
    case cascade
    /// A filter expression.
    case filter

    /// Returns where every law holds.
    package func run(_ input: UnsafeRawBufferPointer) {
        switch self {
        case .tsdl: MetadataLaws.check(input)
        case .ctf2: CTF2Input(input).text.withUnsafeBytes(MetadataLaws.check)
        case .packets: PacketInput(input)?.check()
        case .subscriber: SubscriberLaws.check(input)
        case .frames: FrameLaws.check(input)
        case .cascade: CascadeLaws.check(input)
        case .filter: FilterLaws.check(input)
        }
    }
}

/// The input of the target `ctf2`: fragments, whose first separator may be missing, or metadata packets.
struct CTF2Input {
    let text: [UInt8]

    init(_ input: UnsafeRawBufferPointer) {
        let beginsAsItShould = [0x1E, 0x57, 0x75].contains(input.first)
        text = (beginsAsItShould ? [] : [0x1E]) + Array(input)
    }
}

extension UnsafeRawBufferPointer {
    /// Hands out a part of the bytes in memory that is exactly as long, so that a sanitizer sees each read past it.
    func withExactCopy<R, E: Error>(
        of range: Range<Int>,
        _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: range.count, alignment: 1)
        defer { memory.deallocate() }
        memory.copyMemory(from: UnsafeRawBufferPointer(rebasing: self[range]))
        return try body(UnsafeRawBufferPointer(memory))
    }
}
