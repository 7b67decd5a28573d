import CTF

/// Laws of decoding a packet, for any bytes: whatever is in them, the same is found in pieces, in a scan and in a
/// visit, and nothing past them is read.
struct PacketLaws {
    private let program: TraceProgram
    private let bytes: UnsafeRawBufferPointer
    /// Bytes of the first piece.
    private let cut: Int

    init(_ program: TraceProgram, _ bytes: UnsafeRawBufferPointer, cut: Int) {
        self.program = program
        self.bytes = bytes
        self.cut = min(cut, bytes.count)
    }

    func check() {
        let whole = Result { () throws(PacketError) in try preamble(bytes.count) }
        checkPreambleOfPiece(whole)
        guard let preamble = try? whole.get() else { return }
        let scan = PacketScan(program, preamble, bytes, cuts: [], keysMax: 4096)
        checkKeys(scan, preamble)
        let firstByte = Int((preamble.firstEventBits + 7) / 8)
        let pieces = PacketScan(program, preamble, bytes, cuts: [max(cut, firstByte)], keysMax: 4096)
        law(pieces == scan, "a scan of pieces finds what one of the whole does: \(pieces) and \(scan)")
        let short = PacketScan(program, preamble, bytes, cuts: [], keysMax: 3)
        law(short == scan, "a scan that stops now and then finds the same: \(short) and \(scan)")
        checkContext(preamble)
        checkVisits(scan, preamble)
    }

    // MARK: preamble

    private func preamble(_ count: Int) throws(PacketError) -> PacketPreamble {
        try bytes.withExactCopy(of: 0..<count) { piece throws(PacketError) in
            try program.readPreamble(PacketBytes(piece))
        }
    }

    /// A piece has the preamble that the whole has, or none.
    private func checkPreambleOfPiece(_ whole: Result<PacketPreamble, PacketError>) {
        do throws(PacketError) {
            let piece = try preamble(cut)
            law(whole == .success(piece), "a preamble that is whole does not change with more bytes")
        } catch {
            law(!error.description.isEmpty, "an error has a description")
            guard error.code != .needsMoreBytes, case .success = whole else { return }
            brokenLaw("more bytes heal \(error), which says that they do not")
        }
    }

    private func checkContext(_ preamble: PacketPreamble) {
        bytes.withExactCopy(of: 0..<bytes.count) { bytes in
            var visitor = CheckingVisitor(program, in: bytes)
            do throws(PacketError) {
                try program.visitPacketContext(PacketBytes(bytes), preamble: preamble, visitor: &visitor)
                visitor.end()
            } catch {
                brokenLaw("a context that has been read can be visited, but for \(error)")
            }
        }
    }

    // MARK: events

    private func checkKeys(_ scan: PacketScan, _ preamble: PacketPreamble) {
        var last: UInt64?
        for key in scan.keys {
            law(key.startBits >= preamble.firstEventBits, "no event is before the first")
            if let last { law(key.startBits > last, "each event has a bit at least") }
            last = key.startBits
        }
        let limitBits = min(preamble.contentBits ?? .max, UInt64(bytes.count) * 8)
        if let last { law(last < limitBits, "no event begins behind the end") }
        law(scan.cursor.positionBits <= max(limitBits, preamble.firstEventBits), "a scan ends before the end")
    }

    /// Visits each event that the scan has found, and the one that it has not.
    private func checkVisits(_ scan: PacketScan, _ preamble: PacketPreamble) {
        let ends = scan.keys.dropFirst().map(\.startBits) + [scan.cursor.positionBits]
        for (index, (key, end)) in zip(scan.keys, ends).enumerated() {
            let start = EventCursor(positionBits: key.startBits, clockCycles: scan.cycles[index])
            let lastByte = Int((end + 7) / 8)
            guard case .success(let cursor) = visit(start, preamble, bytes: lastByte) else {
                brokenLaw("an event that has been scanned can be visited")
            }
            law(cursor.positionBits == end, "a visit ends where the scan does")
            law(cursor.clockCycles == scan.cycles[index + 1], "a visit leaves the clock as the scan does")
        }
        switch scan.outcome {
        case .failure(let error) where error.code != .emptyEvent:
            guard case .failure(let seen) = visit(scan.cursor, preamble, bytes: bytes.count) else {
                brokenLaw("what cannot be scanned for \(error) can be visited")
            }
            // A visit checks fields together that a scan checks one by one, so it may meet another fault of them first.
            law(seen == error || seen.code != error.code, "scan: \(error), visit: \(seen)")
        case .success(.needsMoreBytes) where scan.cursor.positionBits < UInt64(bytes.count) * 8:
            // Nor will it ever be, a visit may see, as it looks further ahead.
            guard case .failure = visit(scan.cursor, preamble, bytes: bytes.count) else {
                brokenLaw("an event for which bytes are missing can be visited")
            }
        case .success, .failure: break
        }
    }

    /// Visits an event of which the bytes before it and behind `count` are not there.
    private func visit(
        _ start: EventCursor,
        _ preamble: PacketPreamble,
        bytes count: Int
    ) -> Result<EventCursor, PacketError> {
        let firstByte = Int(start.positionBits / 8)
        guard firstByte <= count else { return .success(start) }
        return bytes.withExactCopy(of: firstByte..<count) { piece in
            var cursor = start
            var visitor = CheckingVisitor(program, in: piece)
            do throws(PacketError) {
                let packet = PacketBytes(piece, firstByte: firstByte)
                try program.visitEvent(packet, preamble: preamble, cursor: &cursor, visitor: &visitor)
                visitor.end()
                return .success(cursor)
            } catch {
                law(cursor == start, "a visit that fails leaves the cursor where it was")
                law(!error.description.isEmpty, "an error has a description")
                return .failure(error)
            }
        }
    }
}

/// What a scan of a whole packet finds.
struct PacketScan: Equatable, CustomStringConvertible {
    private(set) var keys: [EventKey] = []
    /// The clock before each event, and after the last.
    private(set) var cycles: [UInt64] = []
    private(set) var cursor: EventCursor
    private(set) var outcome: Result<ScanResult, PacketError> = .success(.needsMoreBytes)

    /// Scans, with a buffer of `keysMax` keys that is emptied when it is full.
    /// - Parameter cuts: where the bytes end for a while, ascending; bytes that have been scanned are taken away.
    init(
        _ program: TraceProgram,
        _ preamble: PacketPreamble,
        _ bytes: UnsafeRawBufferPointer,
        cuts: [Int],
        keysMax: Int
    ) {
        cursor = preamble.firstEvent
        cycles = [cursor.clockCycles]
        let contentBits = preamble.contentBits ?? UInt64(bytes.count) * 8
        var buffer = EventKeyBuffer(capacity: keysMax)
        for end in cuts + [bytes.count] where end <= bytes.count {
            repeat {
                let firstByte = min(Int(cursor.positionBits / 8), end)
                outcome = bytes.withExactCopy(of: firstByte..<end) { piece in
                    Result { () throws(PacketError) in
                        try program.scan(
                            PacketBytes(piece, firstByte: firstByte),
                            preamble: preamble,
                            contentBits: contentBits,
                            correctionNs: -7,
                            cursor: &cursor,
                            keys: &buffer
                        )
                    }
                }
                keys += buffer.keys
                cycles += (0..<buffer.count).map { buffer.cyclesBefore($0 + 1) }
                buffer.removeAll()
            } while outcome == .success(.full)
            guard outcome == .success(.needsMoreBytes) else { return }
        }
    }

    var description: String {
        "\(keys.count) keys, \(outcome), at bit \(cursor.positionBits), clock \(cursor.clockCycles)"
    }
}
