import CTF
import Feed
import HandmadeTraces
import JSONLines
import Rendering
import Testing

struct FeedRendererTests {
    private func options(
        _ format: RenderingFormat,
        all: Bool = false,
        limit: UInt64? = nil
    ) -> RenderingOptions {
        var options = RenderingOptions(format: format, includesControlRecords: all, eventLimit: limit)
        options.text.clockGMT = true
        options.text.showsDelta = false
        return options
    }

    private func batch(_ records: FeedRecord..., watermarkNs: Int64? = nil) -> FeedBatch {
        FeedBatch(records: records, watermarkNs: watermarkNs)
    }

    /// Two streams whose events alternate.
    private func interleaved(late: [EventGroup.Late] = []) throws -> EventGroup {
        let trace = try HandmadeTrace(tickMetadata)
        let left = try trace.slice(tick(1, 1) + tick(3, 3) + tick(4, 4), events: 3, stream: 3)
        let right = try trace.slice(tick(2, 2) + tick(5, 5), events: 2, stream: 4)
        return EventGroup([left, right], order: [(0, 1), (1, 1), (0, 2), (1, 1)], late: late)
    }

    // MARK: Order and limits

    @Test func `events come in the group's order`() throws {
        let (text, _) = try rendered(batch(.events(interleaved())), options(.text))
        #expect(text == (1...5).map { "[00:00:00.00000000\($0)] tick: { x = \($0) }\n" }.joined())
    }

    @Test(arguments: 0...6)
    func `a limit cuts anywhere`(limit: Int) throws {
        let whole = try rendered(batch(.events(interleaved())), options(.text)).text.split(separator: "\n")
        var renderer = FeedRenderer(options: options(.text, limit: UInt64(limit)))
        var output = OutputBuffer()
        let progress = try renderer.render(batch(.events(interleaved())), into: &output) { _ in }
        let text = output.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        #expect(text.split(separator: "\n") == Array(whole.prefix(limit)))
        #expect(progress == (limit <= 5 ? .limitReached : .goOn))
        #expect(renderer.totals.events == UInt64(min(limit, 5)))
        #expect(try renderer.render(batch(.events(interleaved())), into: &output) { _ in } == .limitReached)
        #expect(renderer.totals.events == UInt64(limit))
    }

    @Test func `cutting a feed in other batches changes nothing`() throws {
        let trace = try HandmadeTrace(tickMetadata)
        let whole = EventGroup([try trace.slice(tick(1, 1) + tick(2, 2), events: 2)], order: [(0, 2)])
        let first = EventGroup([try trace.slice(tick(1, 1), events: 1)], order: [(0, 1)])
        let second = EventGroup([try trace.slice(tick(2, 2), events: 1)], order: [(0, 1)])
        for format in RenderingFormat.allCases {
            var options = options(format)
            options.text.showsDelta = true
            let together = try rendered(batch(.events(whole)), options).text
            #expect(try rendered(batch(.events(first), .events(second)), options).text == together)
        }
    }

    // MARK: JSON

    @Test func `JSON has the members of the contract in their order`() throws {
        let trace = try HandmadeTrace(tickMetadata)
        let slice = try trace.slice(tick(1000, -1), events: 1, correction: TimeCorrection(offsetNs: -250))
        let group = EventGroup([slice], order: [(0, 1)], late: [.init(index: 0, lateNs: 250)])
        let (text, notices) = try rendered(batch(.events(group)), options(.json))
        #expect(
            text == """
                {"type":"event","ts":750,"raw_ts":1000,"relay":"alpha","host":"web-1","session":"S","session_id":9,\
                "trace":"ust/uid/1000/64-bit","stream":43,"stream_class":0,"name":"tick","fields":{"x":-1},"late":250}

                """
        )
        #expect(notices.isEmpty)
    }

    @Test func `directories have neither relay nor session`() throws {
        let trace = try HandmadeTrace(tickMetadata, relay: "")
        let group = EventGroup([try trace.slice(tick(1, 1), events: 1)], order: [(0, 1)])
        let event = try JSONValue(rendered(batch(.events(group)), options(.json)).text.dropLast())
        for name in ["relay", "host", "session", "session_id", "raw_ts", "late", "packet"] {
            #expect(event[name] == nil)
        }
        #expect(event["trace"] == .string("ust/uid/1000/64-bit"))
    }

    @Test func `what is late by its clock alone, and corrected by more and more, says so`() throws {
        let trace = try HandmadeTrace(tickMetadata)
        let changing = TimeCorrection(offsetNs: 10, beginNs: 900, endNs: 1100, endOffsetNs: -90)
        let slice = try trace.slice(tick(1000, -1), events: 1, correction: changing ?? .none)
        let group = EventGroup([slice], order: [(0, 1)], late: [.init(index: 0, lateNs: 250, isByClock: true)])
        let event = try JSONValue(rendered(batch(.events(group)), options(.json)).text.dropLast())
        #expect(event["ts"] == .number("960") && event["raw_ts"] == .number("1000"))
        #expect(event["late"] == .number("250") && event["late_cause"] == .string("clock"))
        let text = try rendered(batch(.events(group)), options(.text)).text
        #expect(text.contains("00.000000960]"))
    }

    @Test(arguments: 0..<32)
    func `only late events say so`(pattern: Int) throws {
        let indexes = (0..<5).filter { pattern >> $0 & 1 == 1 }
        let group = try interleaved(late: indexes.map { .init(index: UInt32($0), lateNs: Int64($0) + 7) })
        let lines = try rendered(batch(.events(group)), options(.json)).text.split(separator: "\n")
        let late = try lines.map { try JSONValue($0)["late"] }
        #expect(late == (0..<5).map { indexes.contains($0) ? .number("\($0 + 7)") : nil })
    }

    @Test func `events without a clock have no time`() throws {
        let trace = try HandmadeTrace(
            """
            trace { major = 1; minor = 8; byte_order = le; };
            stream { event.header := struct { }; };
            event { name = "e\\"v"; id = 0; fields := struct { string s; }; };
            """
        )
        let slice = try trace.slice(Array("a\u{1B}é".utf8) + [0xFF, 0], events: 1)
        let event = try JSONValue(
            rendered(batch(.events(EventGroup([slice], order: [(0, 1)]))), options(.json)).text.dropLast()
        )
        #expect(event["ts"] == .null)
        #expect(event["name"] == .string("e\"v"))
        #expect(event["fields"] == .object([.init(name: "s", value: .string("a\u{1B}é\u{FFFD}"))]))
    }

    // MARK: Control records

    private let loss = LossRecord(
        relay: "alpha",
        host: "web-1",
        session: "S",
        sessionID: 9,
        streamID: 3,
        unit: .events,
        count: 17,
        fromNs: 1,
        toNs: 2,
        reason: ""
    )
    private let trace = FeedRecord.trace(
        FeedTrace(id: 1, relay: "alpha", host: "web-1", session: "S", sessionID: 9, path: "ust/pid/tick-7")
    )
    private var stream: FeedRecord {
        .stream(FeedStream(id: 3, traceID: 1, liveStreamID: 43, channel: "channel0"))
    }

    @Test func `control records are lines of their own`() throws {
        var unknown = loss
        unknown.unit = .packets
        unknown.count = nil
        unknown.fromNs = nil
        let records = batch(
            trace,
            stream,
            .relay(RelayStateChange(relay: "alpha", state: .excluded, reason: "silent")),
            .session(
                SessionStateChange(
                    relay: "alpha",
                    host: "web-1",
                    session: "S",
                    sessionID: 9,
                    state: .ended,
                    reason: ""
                )
            ),
            .lost(loss),
            .lost(unknown),
            .holder(HolderRecord(relay: "alpha", host: "web-1", session: "S", streamID: 3, heldNs: 2_500_000_000)),
            .clock(ahead()),
            .clock(measured()),
            .gap(GapRecord(fromSequence: 5, toSequence: 9, reason: "retention")),
            .log(LogRecord(condition: .failing, reason: "no space is left")),
            .log(LogRecord(condition: .writing, reason: "", heldNs: 5)),
            .end(reason: "stopped"),
            watermarkNs: 77
        )
        let expected = """
            {"type":"relay","relay":"alpha","state":"excluded","reason":"silent"}
            {"type":"session","relay":"alpha","host":"web-1","session":"S","session_id":9,"state":"ended"}
            {"type":"lost","relay":"alpha","host":"web-1","session":"S","session_id":9,\
            "trace":"ust/pid/tick-7","stream":43,"events":17,"from":1,"to":2}
            {"type":"lost","relay":"alpha","host":"web-1","session":"S","session_id":9,\
            "trace":"ust/pid/tick-7","stream":43,"packets":null,"from":null,"to":2}
            {"type":"holder","relay":"alpha","host":"web-1","session":"S","stream":43,"held_ns":2500000000}
            {"type":"clock","relay":"alpha","host":"web-1","clock":"c-1","quality":"one-sided",\
            "lower_ns":2500000,"upper_ns":null,"correction_ns":0}
            {"type":"clock","relay":"alpha","host":"web-1","reference_relay":"beta","reference_host":"db-1",\
            "quality":"failed","lower_ns":-1234,"upper_ns":5678,"drift_ppb":-12345,"drift_error_ppb":1000,\
            "step_ns":-5000000000,"step_error_ns":250000,"correction_ns":-1000,"spread_ns":9}
            {"type":"gap","from_sequence":5,"to_sequence":9,"reason":"retention"}
            {"type":"log","state":"failing","reason":"no space is left"}
            {"type":"log","state":"writing","held_ns":5}
            {"type":"end","reason":"stopped"}
            {"type":"watermark","ts":77,"token":"abc="}

            """
        let (text, notices) = try rendered(records, options(.json, all: true), token: "abc=")
        #expect(text == expected)
        #expect(notices.isEmpty)
        for line in text.split(separator: "\n") { _ = try JSONValue(line) }
    }

    @Test func `a watermark that stands still is said once`() throws {
        var renderer = FeedRenderer(options: options(.json, all: true))
        var output = OutputBuffer()
        for watermarkNs: Int64? in [nil, 5, 5, 6] {
            _ = try renderer.render(FeedBatch(watermarkNs: watermarkNs), into: &output) { _ in }
        }
        let text = output.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        #expect(text == "{\"type\":\"watermark\",\"ts\":5}\n{\"type\":\"watermark\",\"ts\":6}\n")
    }

    private func ahead() -> ClockReport {
        var report = ClockReport(relay: "alpha", host: "web-1", clock: "c-1", quality: .oneSided)
        report.lowerNs = 2_500_000
        return report
    }

    private func measured() -> ClockReport {
        var report = ClockReport(
            relay: "alpha",
            host: "web-1",
            referenceRelay: "beta",
            referenceHost: "db-1",
            quality: .failed
        )
        (report.lowerNs, report.upperNs) = (-1_234, 5_678)
        (report.driftPpb, report.driftErrorPpb) = (-12_345, 1_000)
        (report.stepNs, report.stepErrorNs) = (-5_000_000_000, 250_000)
        (report.correctionNs, report.spreadNs) = (-1_000, 9)
        return report
    }

    @Test func `how clocks stand is said in words`() throws {
        var absent = ClockReport(relay: "", host: "web-1", quality: .absent)
        absent.correctionNs = .min
        let (text, notices) = try rendered(batch(.clock(ahead()), .clock(measured()), .clock(absent)), options(.text))
        #expect(text.isEmpty)
        #expect(
            notices == [
                "clock of alpha/web-1 is at least 2.500 ms ahead of the coordinator's",
                "clock of alpha/web-1 has jumped by -5000.000 ms (give or take 0.250 ms), is -0.001 to 0.005 ms ahead "
                    + "of that of beta/db-1, gains -12.345 ppm (give or take 1.000 ppm), is corrected by -0.001 ms "
                    + "(measurements contradict each other by now: these were the last)",
                "clock of web-1 is not known against the coordinator's, is corrected by -9223372036854.775 ms",
            ]
        )
    }

    @Test func `without all of them, they are notices`() throws {
        for format in [RenderingFormat.text, .json] {
            let (text, notices) = try rendered(
                batch(
                    .relay(RelayStateChange(relay: "al\u{1B}[1mpha", state: .lagging, reason: "no reply")),
                    .holder(
                        HolderRecord(relay: "alpha", host: "web-1", session: "S", streamID: nil, heldNs: 2_500_000_000)
                    ),
                    .gap(GapRecord(fromSequence: 5, toSequence: 9, reason: "")),
                    .log(LogRecord(condition: .failing, reason: "no space is left")),
                    .log(LogRecord(condition: .writing, reason: "", heldNs: 1_500_000_000)),
                    .end(reason: ""),
                    watermarkNs: 3
                ),
                options(format)
            )
            #expect(text.isEmpty)
            #expect(
                notices == [
                    "relay al[1mpha: lagging (no reply)", "waiting for alpha/web-1/S since 2.5 s",
                    "gap in the feed: frames 5 to 9 are gone",
                    "the feed stands still: the coordinator's log cannot be written (no space is left)",
                    "the coordinator's log is written again, after 1.5 s",
                ]
            )
        }
    }

    @Test func `losses of the tracer are said as babeltrace2 says them`() throws {
        let trace = try HandmadeTrace(tickMetadata, relay: "")
        let group = EventGroup([try trace.slice(tick(1, 1), events: 1)], order: [(0, 1)])
        var events = loss
        events.relay = ""
        events.fromNs = nil
        events.cause = .tracer
        var packets = events
        packets.unit = .packets
        packets.count = 1
        packets.fromNs = 40
        packets.toNs = 41
        var unknown = packets
        unknown.count = nil
        let (_, notices) = try rendered(
            batch(.events(group), .lost(events), .lost(packets), .lost(unknown)),
            options(.text)
        )
        let place = #"in trace "" (no UUID) within stream "channel0" (stream class ID: 0, stream ID: 43)."#
        let span = "between [00:00:00.000000040] and [00:00:00.000000041]"
        #expect(
            notices == [
                "WARNING: Tracer discarded 17 events (unknown time range) " + place,
                "WARNING: Tracer discarded 1 packet \(span) " + place,
                "WARNING: Tracer may have discarded packets \(span) " + place,
            ]
        )
    }

    @Test func `counting prints totals at the end`() throws {
        var packets = loss
        packets.unit = .packets
        packets.count = 2
        let group = try interleaved(late: [.init(index: 1, lateNs: 7)])
        let (text, _) = try rendered(batch(.events(group), .lost(loss), .lost(packets)), options(.count))
        #expect(text == "{\"type\":\"count\",\"events\":5,\"late\":1,\"lost_events\":17,\"lost_packets\":2}\n")
        let limited = try rendered(batch(.events(group)), options(.count, limit: 1)).text
        #expect(limited == "{\"type\":\"count\",\"events\":1,\"late\":0,\"lost_events\":0,\"lost_packets\":0}\n")
    }

    // MARK: Damage

    /// Missing bytes: of the payload, so that the line has begun, or of the header too.
    @Test(arguments: [RenderingFormat.text, .json], [1, 2])
    func `a damaged event costs the rest of its slice only`(format: RenderingFormat, missing: Int) throws {
        let trace = try HandmadeTrace(tickMetadata)
        let broken = try trace.slice(tick(1, 1) + tick(3, 3).dropLast(missing), events: 2, stream: 3)
        let sound = try trace.slice(tick(2, 2) + tick(5, 5), events: 2, stream: 4)
        let group = EventGroup([broken, sound], order: [(0, 1), (1, 1), (0, 1), (1, 1)])
        var renderer = FeedRenderer(options: options(format))
        var output = OutputBuffer()
        let error = #expect(throws: RenderingError.self) {
            _ = try renderer.render(batch(.events(group)), into: &output) { _ in }
        }
        #expect(error?.liveStreamID == 43)
        #expect(error?.packetID == 3)
        #expect(error?.relay == "alpha")
        let lines = output.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }.split(separator: "\n")
        #expect(lines.count == 3)
        #expect(lines.allSatisfy { $0.contains("tick") && ($0.hasSuffix("}") || $0.hasSuffix("}}")) })
        #expect(renderer.totals.events == 3)
        if format == .json { for line in lines { _ = try JSONValue(line) } }
    }
}
