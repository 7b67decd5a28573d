import CTF
import MetadataWriter
import Testing

/// What holds for every text, however it comes.
struct MetadataLawTests {
    private static let sample = Array(Texts.sample.utf8)

    private static func read(_ pieces: [ArraySlice<UInt8>]) throws(MetadataError) -> TraceClass? {
        var reader = MetadataReader()
        for piece in pieces { try reader.append(Array(piece)) }
        try reader.finish()
        return reader.traceClass
    }

    private static func cut(_ bytes: [UInt8], every length: Int) -> [ArraySlice<UInt8>] {
        stride(from: 0, to: bytes.count, by: length).map { bytes[$0..<min($0 + length, bytes.count)] }
    }

    @Test func `a cut at any byte changes nothing`() throws {
        let whole = try #require(try MetadataReader.read(Self.sample))
        for index in Self.sample.indices {
            #expect(try Self.read([Self.sample[..<index], Self.sample[index...]]) == whole, "cut at \(index)")
        }
    }

    @Test(arguments: [1, 2, 3, 5, 7, 64])
    func `pieces of any length give the same class`(length: Int) throws {
        let whole = try #require(try MetadataReader.read(Self.sample))
        #expect(try Self.read(Self.cut(Self.sample, every: length)) == whole)
    }

    @Test(arguments: [true, false])
    func `packets give the same class as their text`(isLittleEndian: Bool) throws {
        let whole = try #require(try MetadataReader.read(Self.sample))
        let maker = PacketMaker(isLittleEndian: isLittleEndian)
        for textBytes in [1, 2, 17, 100, 4059, Self.sample.count] {
            let packets = maker.packets(Self.sample, textBytes: textBytes)
            #expect(try MetadataReader.read(packets) == whole, "packets of \(textBytes)")
            #expect(try Self.read(Self.cut(packets, every: 29)) == whole, "packets of \(textBytes), cut")
        }
    }

    @Test func `packets that are cut at any byte give the same class`() throws {
        let whole = try #require(try MetadataReader.read(Self.sample))
        // Two packets and a half: each place in a header, a text and a padding.
        let packets = PacketMaker().packets(Self.sample, textBytes: 150)
        for index in packets.indices.prefix(400) {
            #expect(try Self.read([packets[..<index], packets[index...]]) == whole, "cut at \(index)")
        }
    }

    @Test func `replies of packets and of plain text can follow each other`() throws {
        let whole = try #require(try MetadataReader.read(Self.sample))
        let first = PacketMaker().packets(Array(Self.sample[..<900]), textBytes: 300)
        let last = PacketMaker(isLittleEndian: false).packets(Array(Self.sample[1200...]), textBytes: 300)
        #expect(try Self.read([first[...], Self.sample[900..<1200], last[...]]) == whole)
    }

    @Test func `text is counted without headers and padding`() throws {
        var reader = MetadataReader()
        try reader.append(PacketMaker().packets(Self.sample, textBytes: 50))
        #expect(reader.textBytes == UInt64(Self.sample.count))
    }

    @Test func `what has been read grows with the text and never changes`() throws {
        let whole = try #require(try MetadataReader.read(Self.sample))
        var reader = MetadataReader()
        var events = 0
        for piece in Self.cut(Self.sample, every: 10) {
            try reader.append(Array(piece))
            guard let traceClass = reader.traceClass else { continue }
            #expect(traceClass.uuid == whole.uuid)
            let read = traceClass.streamClasses.first?.eventClasses ?? []
            #expect(read.count >= events)
            #expect(read == Array((whole.streamClasses.first?.eventClasses ?? []).prefix(read.count)))
            events = read.count
        }
        #expect(events == 2)
    }

    @Test func `a copy of a reader goes on by itself`() throws {
        var reader = MetadataReader()
        try reader.append(Array(Texts.trace.utf8))
        var copy = reader
        try copy.append(Array("event { name = e; };".utf8))
        #expect(reader.traceClass?.streamClasses.isEmpty == true)
        #expect(copy.traceClass?.streamClasses.first?.eventClasses.map(\.name) == ["e"])
    }

    @Test func `a declaration that is not complete is no error before the end`() throws {
        var reader = MetadataReader()
        try reader.append(Array((Texts.trace + "event { name = e").utf8))
        #expect(reader.traceClass?.streamClasses == [])
        #expect(throws: MetadataError.self) { try reader.finish() }
    }

    @Test func `an error leaves the class of what came before it`() throws {
        var reader = MetadataReader()
        try reader.append(Array((Texts.trace + "event { name = e; };").utf8))
        let good = reader.traceClass
        var errors: [MetadataError] = []
        for text in ["nonsense;", "event { name = f; id = 1; };"] {
            do throws(MetadataError) { try reader.append(Array(text.utf8)) } catch { errors.append(error) }
        }
        #expect(errors.count == 2 && errors.first == errors.last)
        #expect(reader.textBytes == UInt64(Texts.trace.utf8.count + "event { name = e; };nonsense;".utf8.count))
        #expect(reader.traceClass == good && good?.streamClasses.count == 1)
    }
}
