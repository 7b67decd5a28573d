import CTF
import Feed
import LTTngLive
import PacketWriter
import ReExport
import Testing

struct ReExportTests {
    let trace = ExportedFeed.trace()
    var stream: FeedStream { ExportedFeed.stream(10, of: trace) }
    var other: FeedStream { ExportedFeed.stream(11, of: trace) }

    @Test func `a packet that left in slices is given byte for byte, with its padding`() throws {
        let feed = ExportedFeed()
        let packet = try feed.packet(
            stream,
            of: trace,
            at: [10, 20, 30],
            end: 35,
            sequence: 4,
            padding: 9,
            offset: 512
        )
        try feed.publish(try ExportedFeed.declarations(trace, [stream]) + [ExportedFeed.events([(packet, 0..<1)])])
        try feed.publish([ExportedFeed.events([(packet, 1..<2)])], watermark: 25)
        try feed.publish([ExportedFeed.events([(packet, 2..<3)])], watermark: 40)
        let viewer = try ScriptedViewer(feed)
        let (status, streams) = try viewer.attach("web/run")
        #expect(status == .ok && streams.isEmpty)
        let found = try viewer.newStreams(try viewer.list()[1].id)
        #expect(found.streams.map(\.isMetadata) == [true, false])
        #expect(found.streams.map(\.channel) == ["metadata", "channel0_10"])
        #expect(Set(found.streams.map(\.trace)).count == 1)
        #expect(found.streams[0].path == "ust/uid/0/64-bit")

        let index = try viewer.index(found.streams[1])
        #expect(index.status == .ok)
        #expect(index.flags == 1)  // Its metadata is unread.
        #expect(index.begin == 10 && index.end == 35 && index.offset == 512)
        #expect(index.packetBits == UInt64(packet.bytes.count * 8))
        #expect(try viewer.packet(found.streams[1], index) == packet.bytes.withZeros(behind: index.contentBits))
        #expect(try viewer.packet(found.streams[1], offset: 520, length: 3) == Array(packet.bytes[8..<11]))
        #expect(try viewer.packet(found.streams[1], offset: 512, length: UInt32(packet.bytes.count) + 1) == nil)
        #expect(try viewer.packet(found.streams[1], offset: 511, length: 1) == nil)
        #expect(try viewer.packet(found.streams[1], offset: .max, length: 8) == nil)

        let metadata = try viewer.metadata(found.streams[0])
        #expect(metadata.status == .ok)
        #expect(metadata.bytes == (try ExportedFeed.metadata(LTTngTrace())))
        #expect(try viewer.metadata(found.streams[0]).status == .noNew)
        #expect(try viewer.index(found.streams[1]) == .beacon(39))
        #expect(try viewer.metadata(found.streams[1]).status == .failed)
        #expect(viewer.export.totals == ReExport.Totals(packets: 1))
    }

    @Test func `events that end inside a byte are put together again`() throws {
        let bits = StructureClass.Member(
            name: "b",
            metadataName: "b",
            fieldClass: .integer(IntegerClass(sizeBits: 3, alignmentBits: 1))
        )
        let kind = LTTngTrace(eventClasses: [("demo:bits", [bits])])
        let feed = ExportedFeed()
        let packet = try feed.packet(stream, of: trace, in: kind, at: [10, 20, 30], end: 31) { cycles, number in
            LTTngTrace.Event(event: 0, cycles: cycles, values: [.unsigned(UInt64(number) + 3)])
        }
        try feed.publish(try ExportedFeed.declarations(trace, [stream], kind))
        for number in 0..<3 { try feed.publish([ExportedFeed.events([(packet, number..<number + 1)])], watermark: 40) }
        let viewer = try ScriptedViewer(feed)
        let session = try attachAll(viewer)
        let index = try viewer.index(session.streams[0])
        #expect(index.contentBits % 8 == 3)
        // The last bits of the last byte are nobody's.
        let bytes = try #require(try viewer.packet(session.streams[0], index))
        #expect(bytes.count == packet.bytes.count && bytes.dropLast().elementsEqual(packet.bytes.dropLast()))
    }

    @Test func `a packet is shown when all its events have left, and beacons stay behind it until then`() throws {
        let feed = ExportedFeed()
        let packet = try feed.packet(stream, of: trace, at: [10, 20], end: 30)
        let quiet = try feed.packet(other, of: trace, at: [5], end: 6)
        try feed.publish(
            try ExportedFeed.declarations(trace, [stream, other]) + [ExportedFeed.events(quiet)],
            watermark: 8
        )
        try feed.publish([ExportedFeed.events([(packet, 0..<1)])], watermark: 15)
        let viewer = try ScriptedViewer(feed)
        let session = try attachAll(viewer)
        #expect(try viewer.index(session.streams[1]).status == .ok)
        #expect(try viewer.index(session.streams[1]) == .beacon(13))
        // Its first event has left, so the time of the packet is behind the watermark already.
        #expect(try viewer.index(session.streams[0]) == .beacon(10))
        try viewer.feed.publish([ExportedFeed.events([(packet, 1..<2)])], watermark: 25)
        // It says that nothing comes before 30, and the feed has not come to that.
        #expect(try viewer.index(session.streams[0]) == .beacon(10))
        #expect(try viewer.index(session.streams[1]) == .beacon(23))
        try viewer.feed.publish([], watermark: 31)
        #expect(try viewer.index(session.streams[0]).end == 30)
        #expect(try viewer.index(session.streams[0]) == .beacon(30))
        #expect(try viewer.index(session.streams[1]) == .beacon(29))
    }

    /// Of two equal messages babeltrace2 warns that it has to choose one.
    @Test func `no two streams are promised the same time`() throws {
        let feed = ExportedFeed()
        let streams = (2...9).map { ExportedFeed.stream($0, of: trace) }
        let packets = try streams.map { ExportedFeed.events(try feed.packet($0, of: trace, at: [5], end: 6)) }
        try feed.publish(try ExportedFeed.declarations(trace, streams) + packets, watermark: 100)
        let viewer = try ScriptedViewer(feed)
        let session = try attachAll(viewer)
        for stream in session.streams { #expect(try viewer.index(stream).end == 6) }
        for last in [99, 199] as [UInt64] {
            #expect(try session.streams.map { try viewer.index($0).end }.sorted() == Array(last - 7...last))
            try viewer.feed.publish([], watermark: 200)
        }
    }

    @Test func `a stream whose first packet overlaps the one that tells of it is shown as it was traced`() throws {
        let feed = ExportedFeed()
        let start = try feed.packet(stream, of: trace, at: [10], end: 11)
        let burst = try feed.packet(stream, of: trace, at: [50, 60, 70], end: 80, sequence: 1)
        // Both streams have been there from the start, and this one had nothing to say.
        let first = try feed.packet(other, of: trace, at: [51, 61], begin: 1, end: 65)
        let second = try feed.packet(other, of: trace, at: [75], begin: 65, end: 90, sequence: 1)
        try feed.publish(
            try ExportedFeed.declarations(trace, [stream, other]) + [ExportedFeed.events(start)],
            watermark: 40
        )
        let viewer = try ScriptedViewer(feed)
        let session = try attachAll(viewer)
        #expect(try viewer.index(session.streams[0]).end == 11)
        #expect(try viewer.index(session.streams[0]) == .beacon(39))
        try feed.publish(
            [ExportedFeed.events(burst), ExportedFeed.events(first), ExportedFeed.events(second)],
            watermark: 100
        )
        // It looks at new streams before it reads the packet.
        let index = try viewer.index(session.streams[0])
        #expect(index.end == 80 && index.flags == 2)
        let new = try #require(try viewer.newStreams(session.id).streams.first)
        let shown = try viewer.index(new)
        // Behind what it was told before, and before the first event.
        #expect(shown.begin == 39 && shown.end == 65)
        let bytes = try #require(try viewer.packet(new, shown))
        try #require(bytes.count == first.bytes.count)
        #expect(Set(bytes.differences(from: first.bytes).map(\.at)).isSubset(of: Set(32..<40)))
        let last = try viewer.index(new)
        #expect(last.begin == 65 && last.end == 90)
        #expect(try viewer.packet(new, last) == second.bytes)
        #expect(viewer.export.totals == ReExport.Totals(packets: 4))
    }

    @Test func `a stream that comes behind a packet begins no sooner than the packet ended`() throws {
        let feed = ExportedFeed()
        let packet = try feed.packet(stream, of: trace, at: [10], end: 30)
        // Its buffer is older than what was read meanwhile.
        let first = try feed.packet(other, of: trace, at: [45], begin: 5, end: 50)
        try feed.publish(
            try ExportedFeed.declarations(trace, [stream, other]) + [ExportedFeed.events(packet)],
            watermark: 40
        )
        let viewer = try ScriptedViewer(feed)
        let session = try attachAll(viewer)
        #expect(try viewer.index(session.streams[0]).end == 30)
        try feed.publish([ExportedFeed.events(first)], watermark: 60)
        #expect(try viewer.index(session.streams[0]) == .beacon(30, flags: 2))
        let new = try #require(try viewer.newStreams(session.id).streams.first)
        let index = try viewer.index(new)
        #expect(index.begin == 30 && index.end == 50)
    }

    @Test func `a session that is attached later begins where the viewer is`() throws {
        let elsewhere = ExportedFeed.trace(2, host: "db")
        let third = ExportedFeed.stream(20, of: elsewhere)
        let feed = ExportedFeed()
        let seen = try feed.packet(stream, of: trace, at: [10], end: 11)
        let unseen = try feed.packet(third, of: elsewhere, at: [5], end: 6)
        let next = try feed.packet(third, of: elsewhere, at: [50], begin: 6, end: 51, sequence: 1)
        try feed.publish(
            try ExportedFeed.declarations(trace, [stream]) + ExportedFeed.declarations(elsewhere, [third]) + [
                ExportedFeed.events(unseen), ExportedFeed.events(seen),
            ],
            watermark: 40
        )
        let viewer = try ScriptedViewer(feed)
        let session = try attachAll(viewer)
        #expect(try viewer.index(session.streams[0]).end == 11)
        #expect(try viewer.index(session.streams[0]) == .beacon(39))
        let later = try attachAll(viewer, "db/run")
        try feed.publish([ExportedFeed.events(next)], watermark: 60)
        let index = try viewer.index(later.streams[0])
        #expect(index.begin == 39 && index.end == 51)
    }

    @Test func `packets that hold late events count as discarded`() throws {
        let feed = ExportedFeed()
        let first = try feed.packet(stream, of: trace, at: [10], end: 11)
        let late = try feed.packet(stream, of: trace, at: [12, 40], end: 41, sequence: 1)
        let third = try feed.packet(stream, of: trace, at: [50], end: 51, sequence: 2)
        try feed.publish(try ExportedFeed.declarations(trace, [stream]) + [ExportedFeed.events(first)], watermark: 20)
        try feed.publish([ExportedFeed.events([(late, 0..<1)], late: [0])], watermark: 20)
        try feed.publish([ExportedFeed.events([(late, 1..<2)]), ExportedFeed.events(third)], watermark: 60)
        let viewer = try ScriptedViewer(feed)
        let session = try attachAll(viewer)
        #expect(try viewer.index(session.streams[0]).discarded == 0)
        let index = try viewer.index(session.streams[0])
        #expect(index.begin == 50 && index.discarded == 2)
        #expect(try viewer.packet(session.streams[0], index) == third.bytes)
        #expect(viewer.export.totals == ReExport.Totals(packets: 2, withheldPackets: 1, withheldEvents: 2))
    }

    @Test func `a late event among several slices withholds its own packet only`() throws {
        let feed = ExportedFeed()
        let good = try feed.packet(stream, of: trace, at: [10, 11], end: 12)
        let late = try feed.packet(other, of: trace, at: [3], end: 12)
        try feed.publish(
            try ExportedFeed.declarations(trace, [stream, other])
                + [ExportedFeed.events([(good, 0..<2), (late, 0..<1)], late: [2])],
            watermark: 20
        )
        let viewer = try ScriptedViewer(feed)
        let session = try attachAll(viewer)
        #expect(try viewer.index(session.streams[0]).status == .ok)
        #expect(try viewer.index(session.streams[1]) == .beacon(18))
    }

    @Test func `packets that end before what the viewer was told count as discarded in those that wait behind`() throws
    {
        let feed = ExportedFeed()
        let first = try feed.packet(stream, of: trace, at: [10], end: 11)
        try feed.publish(try ExportedFeed.declarations(trace, [stream]) + [ExportedFeed.events(first)], watermark: 20)
        let viewer = try ScriptedViewer(feed)
        let session = try attachAll(viewer)
        _ = try viewer.index(session.streams[0])
        #expect(try viewer.index(session.streams[0]) == .beacon(19))
        let old = try feed.packet(other, of: trace, at: [12, 13], end: 14)
        let next = try feed.packet(other, of: trace, at: [25], end: 26, sequence: 1)
        let last = try feed.packet(other, of: trace, at: [30], end: 31, sequence: 2)
        try feed.publish([.stream(other)] + [old, next, last].map { ExportedFeed.events($0) }, watermark: 50)
        #expect(try viewer.index(session.streams[0]) == .beacon(19, flags: 2))
        let young = try #require(try viewer.newStreams(session.id).streams.first)
        for packet in [next, last] {
            let index = try viewer.index(young)
            #expect(index.discarded == 2)
            #expect(try viewer.packet(young, index) == packet.bytes)
        }
        #expect(viewer.export.totals == ReExport.Totals(packets: 3, withheldPackets: 1, withheldEvents: 2))
    }

    @Test func `a viewer from now on is shown nothing of packets that have begun`() throws {
        let feed = ExportedFeed()
        let begun = try feed.packet(stream, of: trace, at: [10, 20], end: 21)
        try feed.publish(
            try ExportedFeed.declarations(trace, [stream]) + [ExportedFeed.events([(begun, 0..<1)])],
            watermark: 15
        )
        let viewer = try ScriptedViewer(feed)
        let (status, streams) = try viewer.attach("tidemark/cluster", seek: 2)
        #expect(status == .ok)
        #expect(streams.map(\.isMetadata) == [true, false])
        #expect(try viewer.index(streams[1]) == .beacon(14, flags: 1))
        let next = try feed.packet(stream, of: trace, at: [30], end: 31, sequence: 1)
        try viewer.feed.publish([ExportedFeed.events([(begun, 1..<2)]), ExportedFeed.events(next)], watermark: 40)
        let index = try viewer.index(streams[1])
        #expect(index.begin == 30)
        #expect(try viewer.packet(streams[1], index) == next.bytes)
    }

    @Test func `new streams are flagged, and time stands still until they are asked for`() throws {
        let feed = ExportedFeed()
        let first = try feed.packet(stream, of: trace, at: [10], end: 11)
        try feed.publish(try ExportedFeed.declarations(trace, [stream]) + [ExportedFeed.events(first)], watermark: 20)
        let viewer = try ScriptedViewer(feed)
        let session = try attachAll(viewer)
        _ = try viewer.index(session.streams[0])
        #expect(try viewer.index(session.streams[0]) == .beacon(19))
        // Its buffer is older than what viewers were told by then; its events are not.
        let young = try feed.packet(other, of: trace, at: [25, 26], begin: 5, end: 27)
        try viewer.feed.publish([.stream(other), ExportedFeed.events(young)], watermark: 50)
        #expect(try viewer.index(session.streams[0]) == .beacon(19, flags: 2))
        let found = try viewer.newStreams(session.id)
        #expect(found.status == .ok && found.streams.map(\.channel) == ["channel0_11"])
        let index = try viewer.index(found.streams[0])
        #expect(index.begin == 19 && index.end == 27 && index.flags == 0)
        // The packet says so too, and nothing else of it is changed.
        let bytes = try #require(try viewer.packet(found.streams[0], index))
        #expect(bytes.differences(from: young.bytes) == [Difference(at: 32, old: 5, new: 19)])
        #expect(try viewer.index(session.streams[0]) == .beacon(49))
    }

    @Test func `a viewer that looks at flags only where there is a packet is given one without events`() throws {
        let feed = ExportedFeed()
        let first = try feed.packet(stream, of: trace, at: [10], end: 11, sequence: 3)
        try feed.publish(try ExportedFeed.declarations(trace, [stream]) + [ExportedFeed.events(first)], watermark: 20)
        let viewer = try ScriptedViewer(feed)
        let session = try attachAll(viewer)
        _ = try viewer.index(session.streams[0])
        let young = try feed.packet(other, of: trace, at: [25], end: 27)
        try viewer.feed.publish([.stream(other), ExportedFeed.events(young)], watermark: 50)
        for _ in 0..<4 { #expect(try viewer.index(session.streams[0]) == .beacon(11, flags: 2)) }
        let index = try viewer.index(session.streams[0])
        #expect(index.status == .ok && index.flags == 2)
        #expect(index.begin == 11 && index.end == 11 && index.contentBits == index.packetBits)
        let bytes = try #require(try viewer.packet(session.streams[0], index))
        let preamble = try bytes.withUnsafeBytes { try first.packet.program.readPreamble(PacketBytes($0)) }
        #expect(preamble.firstEventBits == index.contentBits && preamble.contentBits == index.contentBits)
        #expect(preamble.totalBits == index.packetBits && preamble.sequenceNumber == 3)
        #expect(preamble.timestampBeginCycles == 11 && preamble.timestampEndCycles == 11)
        #expect(preamble.traceUUID == first.packet.preamble.traceUUID)
        #expect(try viewer.index(session.streams[0]) == .beacon(11, flags: 2))
        let found = try viewer.newStreams(session.id).streams
        #expect(try viewer.index(found[0]).begin == 25)
        #expect(try viewer.index(session.streams[0]) == .beacon(49))
        // What is told of packets is of those that were traced.
        #expect(viewer.export.totals.packets == 2)
    }

    @Test func `what is withheld after a silence counts as discarded, and is not put in place by empty packets`() throws
    {
        let feed = ExportedFeed()
        let first = try feed.packet(stream, of: trace, at: [10], end: 11)
        let late = try feed.packet(stream, of: trace, at: [12, 13], end: 14, sequence: 1)
        let third = try feed.packet(stream, of: trace, at: [50], begin: 45, end: 51, sequence: 2)
        let fourth = try feed.packet(stream, of: trace, at: [70], end: 71, sequence: 3)
        try feed.publish(try ExportedFeed.declarations(trace, [stream]) + [ExportedFeed.events(first)], watermark: 40)
        let viewer = try ScriptedViewer(feed)
        let session = try attachAll(viewer)
        _ = try viewer.index(session.streams[0])
        #expect(try viewer.index(session.streams[0]) == .beacon(39))
        try feed.publish([ExportedFeed.events([(late, 0..<2)], late: [0, 1])], watermark: 40)
        try feed.publish([ExportedFeed.events(third)], watermark: 60)
        let index = try viewer.index(session.streams[0])
        #expect(index.begin == 45 && index.discarded == 2)
        #expect(try viewer.index(session.streams[0]) == .beacon(59))
        try feed.publish([ExportedFeed.events(fourth)], watermark: 80)
        #expect(try viewer.index(session.streams[0]).begin == 70)
    }

    @Test func `clones with one trace UUID are told apart in metadata and in packets`() throws {
        let clone = ExportedFeed.trace(2, relay: "beta", host: "clone")
        let cloned = ExportedFeed.stream(20, of: clone)
        let feed = ExportedFeed()
        let one = try feed.packet(stream, of: trace, at: [10], end: 11)
        let two = try feed.packet(cloned, of: clone, at: [10], end: 11)
        try feed.publish(try ExportedFeed.declarations(trace, [stream]) + [ExportedFeed.events(one)])
        try feed.publish(try ExportedFeed.declarations(clone, [cloned]) + [ExportedFeed.events(two)], watermark: 20)
        let viewer = try ScriptedViewer(feed)
        let session = try attachAll(viewer, "tidemark/cluster", reads: false)
        #expect(session.streams.count == 2)
        let bytes = try session.streams.map { try viewer.packet($0, try viewer.index($0)) }
        #expect(bytes[0] == one.bytes)
        let shown = try #require(bytes[1])
        #expect(Set(shown.differences(from: two.bytes).map(\.at)).isSubset(of: Set(4..<20)))
        #expect(shown != two.bytes)
        let texts = try session.metadata.map { String(decoding: try viewer.metadata($0).bytes, as: UTF8.self) }
        var reader = MetadataReader()
        try Array(texts[1].utf8).withUnsafeBytes { try reader.append($0) }
        let uuid = try #require(reader.traceClass?.uuid)
        #expect(shown[4..<20].elementsEqual(u64(uuid.high) + u64(uuid.low)))
        #expect(texts[0] != texts[1])
        // As a session of its own the clone is what it is.
        let alone = try ScriptedViewer(feed)
        let own = try attachAll(alone, "clone/run")
        #expect(try alone.packet(own.streams[0], try alone.index(own.streams[0])) == two.bytes)
    }

    @Test func `sessions are listed by their names, those of one name by their relays too`() throws {
        let feed = ExportedFeed()
        #expect(try ScriptedViewer(feed).list() == [])
        try feed.publish(try ExportedFeed.declarations(trace, [stream]))
        let twin = ExportedFeed.trace(2, relay: "beta")
        try feed.publish(try ExportedFeed.declarations(twin, [ExportedFeed.stream(20, of: twin)]))
        try feed.publish(try ExportedFeed.declarations(ExportedFeed.trace(3, relay: "beta", host: "db"), []))
        let viewer = try ScriptedViewer(feed)
        let list = try viewer.list()
        #expect(list.map(\.name) == ["tidemark/cluster", "web/run", "db/run", "web/run@beta"])
        #expect(list.map(\.streams) == [2, 1, 0, 1])
        #expect(Set(list.map(\.id)).count == 4)
        #expect(try ScriptedViewer(feed).list() == list)
        #expect(try viewer.attach("web/run").status == .ok)
        #expect(try viewer.attach("web/run").status == .alreadyHeld)
        #expect(try viewer.attach("tidemark/cluster").status == .alreadyHeld)
        #expect(try viewer.attach("db/run").status == .ok)
        #expect(try viewer.detach(list[1].id) == 1)
        #expect(try viewer.detach(list[1].id) == 2)
        #expect(try viewer.attach("web/run", seek: 3).status == .seekRefused)
        #expect(try viewer.attach("web/run").status == .ok)
    }

    @Test func `streams and sessions end when all of them is shown`() throws {
        let feed = ExportedFeed()
        let packet = try feed.packet(stream, of: trace, at: [10], end: 30)
        try feed.publish(try ExportedFeed.declarations(trace, [stream]) + [ExportedFeed.events(packet)], watermark: 20)
        let viewer = try ScriptedViewer(feed)
        let session = try attachAll(viewer, reads: false)
        #expect(try viewer.newStreams(session.id).status == .ok)
        #expect(try viewer.index(session.streams[0]) == .beacon(10, flags: 1))
        try viewer.feed.publish([
            .streamEnd(StreamEndRecord(streamID: stream.id, traceID: trace.id, traceUUID: nil)),
            .traceEnd(traceID: trace.id), ExportedFeed.active(trace, .ended),
        ])
        #expect(try viewer.list() == [])
        // The watermark has not come to its end: others may have something from before that.
        for _ in 0..<3 { #expect(try viewer.index(session.streams[0]) == .beacon(10, flags: 1)) }
        // It will not, for there is nobody that it follows.
        try viewer.feed.publish([.idle(true)])
        let index = try viewer.index(session.streams[0])
        #expect(index.end == 30)
        #expect(try viewer.packet(session.streams[0], index) == packet.bytes)
        #expect(try viewer.newStreams(session.id).status == .ok)
        #expect(try viewer.metadata(session.metadata[0]).status == .ok)
        #expect(try viewer.index(session.streams[0]).status == .hungUp)
        #expect(try viewer.index(session.streams[0]).status == .failed)
        #expect(try viewer.newStreams(session.id).status == .hungUp)
    }

    @Test func `sessions end when the feed does, though they live, and not where it says so in the log`() throws {
        let feed = ExportedFeed()
        let packet = try feed.packet(stream, of: trace, at: [10], end: 30)
        try feed.publish(try ExportedFeed.declarations(trace, [stream]) + [ExportedFeed.events(packet)], watermark: 20)
        try feed.publish([.end(reason: "the coordinator stops")])
        let viewer = try ScriptedViewer(feed)
        let session = try attachAll(viewer)
        for _ in 0..<3 { #expect(try viewer.index(session.streams[0]) == .beacon(10)) }
        #expect(try viewer.newStreams(session.id).status == .ok)
        viewer.endFeed()
        #expect(try viewer.index(session.streams[0]).end == 30)
        #expect(try viewer.index(session.streams[0]).status == .hungUp)
        #expect(try viewer.newStreams(session.id).status == .hungUp)
    }

    @Test func `whoever is slower than the log goes on with the oldest, and what is gone is discarded`() throws {
        let feed = ExportedFeed()
        let first = try feed.packet(stream, of: trace, at: [10], end: 11)
        let cut = try feed.packet(stream, of: trace, at: [20, 21, 22], end: 23, sequence: 1)
        let last = try feed.packet(stream, of: trace, at: [30], end: 31, sequence: 2)
        try feed.publish(try ExportedFeed.declarations(trace, [stream]) + [ExportedFeed.events(first)], watermark: 15)
        let viewer = try ScriptedViewer(feed, minor: 15)
        let session = try attachAll(viewer, reads: false)
        #expect(try viewer.index(session.streams[0]).end == 11)
        try viewer.feed.publish([ExportedFeed.events([(cut, 0..<1)])], watermark: 21)
        #expect(try viewer.index(session.streams[0]) == .beacon(20, flags: 1))
        try viewer.feed.publish([ExportedFeed.events([(cut, 1..<2)])], watermark: 22)
        viewer.feed.forgetFrames()
        try viewer.feed.publish([ExportedFeed.events([(cut, 2..<3)]), ExportedFeed.events(last)], watermark: 40)
        #expect(try viewer.index(session.streams[0]).status == .inactive)
        let index = try viewer.index(session.streams[0])
        #expect(index.begin == 30)
        #expect(index.discarded == 2)
        // Metadata was said again, and is not given twice.
        #expect(try viewer.metadata(session.metadata[0]).bytes == (try ExportedFeed.metadata(LTTngTrace())))
        #expect(try viewer.metadata(session.metadata[0]).status == .noNew)
    }

    @Test func `the log is read only as far as the viewer asks, and what it costs is bounded`() throws {
        var limits = ReExportLimits()
        limits.waitingBytes = 4000
        limits.openBytes = 10_000
        let feed = ExportedFeed()
        try feed.publish(try ExportedFeed.declarations(trace, [stream, other]), watermark: 1)
        let quiet = try feed.packet(other, of: trace, at: [2], end: 3)
        try feed.publish([ExportedFeed.events(quiet)], watermark: 5)
        for number in 0..<200 as Range<UInt64> {
            let packet = try feed.packet(
                stream,
                of: trace,
                at: [10 + number * 10],
                end: 11 + number * 10,
                sequence: number
            )
            try feed.publish([ExportedFeed.events(packet)], watermark: 19 + number * 10)
        }
        let viewer = try ScriptedViewer(feed, limits: limits)
        viewer.framesPerRead = 1
        let session = try attachAll(viewer)
        let silent = try #require(session.streams.first { $0.channel == "channel0_11" })
        #expect(try viewer.index(silent).status == .ok)
        while try viewer.index(silent).flags & 2 == 0 {}
        let busy = try #require(try viewer.newStreams(session.id).streams.first)
        // It asks for one stream only: what the other has waits, up to the limit.
        for _ in 0..<300 { #expect(try viewer.index(silent).status == .inactive) }
        let stuck = try viewer.index(silent)
        // Short packets cost more than their bytes.
        #expect(stuck.end < 150)
        let reads = viewer.readCount
        #expect(try viewer.index(silent) == stuck)
        #expect(viewer.readCount == reads)
        // Once it has asked for that, all goes on, and nothing is missing.
        var count = 0
        for _ in 0..<1000 {
            if try viewer.index(busy).status == .ok { count += 1 }
            _ = try viewer.index(silent)
        }
        #expect(count == 200)
        #expect(viewer.export.totals == ReExport.Totals(packets: 201))
    }

    @Test func `the largest packet is given up where packets in the making take too much`() throws {
        var limits = ReExportLimits()
        limits.openBytes = 3000
        let feed = ExportedFeed()
        let large = try feed.packet(stream, of: trace, at: (0..<100).map { 10 + $0 }, end: 200)
        let small = try feed.packet(other, of: trace, at: [120], end: 200)
        let next = try feed.packet(stream, of: trace, at: [210], end: 211, sequence: 1)
        try feed.publish(
            try ExportedFeed.declarations(trace, [stream, other]) + [ExportedFeed.events([(large, 0..<50)])]
        )
        try feed.publish([ExportedFeed.events([(large, 50..<100)]), ExportedFeed.events(small)])
        try feed.publish([ExportedFeed.events(next)], watermark: 300)
        let viewer = try ScriptedViewer(feed, limits: limits)
        let session = try attachAll(viewer)
        let index = try viewer.index(session.streams[0])
        #expect(index.begin == 210 && index.discarded == 100)
        #expect(try viewer.index(session.streams[1]).begin == 120)
        #expect(
            viewer.export.totals
                == ReExport.Totals(packets: 2, withheldPackets: 1, withheldEvents: 100, givenUpPackets: 1)
        )
    }

    @Test func `old viewers see no CTF 2, and what is asked out of turn is refused`() throws {
        let feed = ExportedFeed()
        try feed.publish([
            ExportedFeed.active(trace), .trace(trace), .metadata(traceID: trace.id, bytes: [0x1E, 0x7B]),
        ])
        #expect(try ScriptedViewer(feed).list().map(\.name) == ["tidemark/cluster"])
        let modern = try ScriptedViewer(feed, minor: 15)
        #expect(try modern.list().map(\.name) == ["tidemark/cluster", "web/run"])
        let viewer = try ScriptedViewer(feed)
        #expect(try viewer.attach("tidemark/cluster").status == .ok)
        let nothing = LiveStream(id: LiveStreamID(77), trace: LiveTraceID(1), isMetadata: false, path: "", channel: "")
        #expect(try viewer.index(nothing).status == .failed)
        #expect(try viewer.packet(nothing, offset: 0, length: 1) == nil)
        #expect(try viewer.metadata(nothing).status == .failed)
        #expect(try viewer.newStreams(99).status == .failed)
    }

    // MARK: Helpers

    func attachAll(
        _ viewer: ScriptedViewer,
        _ name: String = "web/run",
        reads: Bool = true
    ) throws -> ScriptedViewer.Attached {
        try viewer.attachAll(name, reads: reads)
    }
}

struct Difference: Equatable {
    var at: Int
    var old: UInt8
    var new: UInt8

    init(at: Int, old: UInt8, new: UInt8) {
        (self.at, self.old, self.new) = (at, old, new)
    }
}

extension [UInt8] {
    /// Where they differ; lengths are the same.
    fileprivate func differences(from old: [UInt8]) -> [Difference] {
        precondition(count == old.count)
        return indices.filter { self[$0] != old[$0] }.map { Difference(at: $0, old: old[$0], new: self[$0]) }
    }

    /// The feed has none of a packet's padding.
    fileprivate func withZeros(behind bits: UInt64) -> [UInt8] {
        let end = Int((bits + 7) / 8)
        return self[..<end] + [UInt8](repeating: 0, count: count - end)
    }
}
