import CTF
import Feed
import PacketWriter

/// Laws of filter expressions, for any bytes.
enum FilterLaws {
    /// Expressions as people write them, and some as they should not.
    static let samples = [
        "seqno == 1", "seqno & 1", "seqno >= 2 && seqno < 0x4", "seqno << 1 == 010", "~seqno != -1 || !value",
        #"msg == "he*""#, #"msg != "a\*b\x41\101\n" && ratio > .5"#, #"msg == $name || "x" < msg"#, "bytes[1] == 2",
        "bytes[99] == 1", "a.b[3].c == 1.5e-3", "$ctx.vpid == 1234 && $ctx.procname == \"work*\"",
        "$app.tide:any == 3", "$ctx.perf:cpu:cache-misses > 10UL", "$cpu == 0 && $level <= \"DEBUG\"",
        #"$name == "demo:tick" && seqno == 3 || $name == "demo:mark" && value == -2"#,
        #"$host == "web-*" && $session != "x" && $relay == "alpha""#, "-(-(-value)) > +0", "((((seqno))))",
        "seqno ^ value | 1 & 2", "1 || missing", "0 && missing || seqno", "18446744073709551615 == -1",
        "9223372036854775808 < 0", "seqno ==", "(seqno", "seqno == \"", "seqno = 1", "1.5", "$", "a[", "é == 1",
        "seqno >> 64", #""a*" == "*b""#, "seqno +1",
    ]

    private static let packet = FilteredPacket()

    /// Reads the bytes as an expression. What is refused is refused at a place in it; what is not is tried on a packet.
    static func check(_ input: UnsafeRawBufferPointer) {
        let text = String(decoding: input, as: UTF8.self)
        let expression: FilterExpression
        do throws(FilterError) {
            expression = try FilterExpression(text)
        } catch {
            let characters = text.unicodeScalars.count
            law(1...characters + 1 ~= error.column, "an error lies in the expression or right behind it: \(error)")
            law(error.text(text).split(separator: "\n").count == 3, "an error has a mark")
            return
        }
        let wanted = packet.wanted(expression)
        law(packet.wanted(expression) == wanted, "a filter says the same twice")
        law((0...packet.eventCount).contains(wanted), "a filter adds nothing")
        if let same = try? FilterExpression("(\(text)\n)") {
            law(packet.wanted(same) == wanted, "parentheses around all change nothing")
        }
        guard let truth = try? FilterExpression("!!(\(text))"), let opposite = try? FilterExpression("!(\(text))")
        else {
            return
        }
        law(packet.wanted(truth) == wanted, "what is true is not untrue")
        law(packet.wanted(opposite) <= packet.eventCount - wanted, "no event is wanted by a filter and its opposite")
    }
}

/// Some events to be filtered.
private struct FilteredPacket: Sendable {
    let eventCount = 8
    private let batch: FeedBatch?

    init() {
        batch = try? Self.batch(count: eventCount)
    }

    private static func batch(count: Int) throws -> FeedBatch {
        let trace = LTTngTrace()
        let events = (0..<count).map { index in
            index % 3 == 2
                ? LTTngTrace.mark(at: UInt64(index), value: Int64(-index))
                : LTTngTrace.tick(at: UInt64(index), seqno: UInt64(index), bytes: [UInt8](repeating: 2, count: index))
        }
        let bytes = trace.writePacket(events: events)
        let storage = ByteStorage(capacity: bytes.count)
        bytes.withUnsafeBytes { storage.write($0, at: 0) }
        let program = try TraceProgram(trace.traceClass)
        let preamble = try program.readPreamble(PacketBytes(storage.bytes))
        let packet = FeedPacket(
            id: 1,
            trace: FeedTrace(id: 1, relay: "alpha", host: "web-1", session: "s", sessionID: 1, path: "ust"),
            stream: FeedStream(id: 1, traceID: 1, liveStreamID: 1, channel: "channel0"),
            program: program,
            metadataBytes: 0,
            preamble: preamble,
            preambleStorage: storage,
            correction: .none
        )
        let slice = EventSlice(
            packet: packet,
            storage: storage,
            storageOffset: Int(preamble.firstEventBits / 8),
            firstBits: preamble.firstEventBits,
            endBits: preamble.contentBits ?? 0,
            clockCycles: preamble.clockCycles,
            eventCount: count,
            opensPacket: true
        )
        let order = [EventGroup.Run(slice: 0, count: UInt32(count))]
        return FeedBatch(records: [.events(EventGroup(slices: [slice], order: order, eventCount: count))])
    }

    /// How many of the events a filter wants.
    func wanted(_ expression: FilterExpression) -> Int {
        guard let batch else { brokenLaw("our own packet can be read") }
        var filter = EventFilter(expression)
        return filter.filtered(batch).records.reduce(0) { count, record in
            switch record {
            case .events(let group): return count + group.eventCount
            case .lost: brokenLaw("our own events can be read")
            default: return count
            }
        }
    }
}
