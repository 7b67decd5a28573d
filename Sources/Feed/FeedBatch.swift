package import CTF

/// What leaves the merge at once: records in feed order, and how far the feed has come after them.
///
/// A batch is what `view` prints, what a frame is encoded from, and what a subscriber gets back from a frame.
/// Event bytes stay where they are: in packet storage on the coordinator's side, in the frame's on the subscriber's.
package struct FeedBatch: Sendable {
    /// Position in the feed: 1 for the first frame; 0 while not numbered.
    package var sequence: UInt64
    package var records: [FeedRecord]
    /// W after this batch, nanoseconds since the Unix epoch: all older events have left, and no event that is not. Nil:
    /// not set yet, or said by a later batch that completes this one.
    package var watermarkNs: Int64?
    /// Of a batch whose events others complete, which therefore does not say W: the time of its latest event in order.
    package var floorNs: Int64?

    package init(
        sequence: UInt64 = 0,
        records: [FeedRecord] = [],
        watermarkNs: Int64? = nil,
        floorNs: Int64? = nil
    ) {
        self.sequence = sequence
        self.records = records
        self.watermarkNs = watermarkNs
        self.floorNs = floorNs
    }
}

/// One thing that the feed says.
package enum FeedRecord: Sendable {
    /// A trace is new: named before anything that refers to it.
    case trace(FeedTrace)
    /// A trace's metadata has grown: whole metadata packets or text, as received, appended to what came before.
    case metadata(traceID: UInt64, bytes: [UInt8])
    /// A stream is new.
    case stream(FeedStream)
    /// Nothing refers to the trace any more, nor to its streams and packets.
    case traceEnd(traceID: UInt64)
    /// No event of the stream comes any more, nor anything else that refers to it.
    case streamEnd(StreamEndRecord)
    case events(EventGroup)
    case relay(RelayStateChange)
    case session(SessionStateChange)
    case lost(LossRecord)
    /// Who holds the watermark back, after it has for long.
    case holder(HolderRecord)
    /// How a host's clock stands.
    case clock(ClockReport)
    /// Sequences in this range will not come (subscriber side).
    case gap(GapRecord)
    /// How the coordinator's log stands.
    case log(LogRecord)
    /// Another coordinator's feed is a source, and how far it has been taken.
    case source(SourceRecord)
    /// Whether there is no stream that W follows: it stands, and nobody who merges the feed need wait for it.
    case idle(Bool)
    /// The feed is over: every session has ended, or the coordinator stops; it then may go on with the coordinator's
    /// next start.
    case end(reason: String)
}

/// A CTF trace in the feed.
package struct FeedTrace: Sendable, Equatable {
    /// Unique in the feed.
    package var id: UInt64
    /// The relay's name in the configuration, else HOST:PORT; empty for directories.
    package var relay: String
    /// The session's host name as the relay says it (trusted by nobody: it comes from the traced host).
    package var host: String
    package var session: String
    /// The relay's number of the session.
    package var sessionID: UInt64
    /// The trace's path below the session, as the relay or the file system names it.
    package var path: String
    /// The relay's number of the trace; 0 for stored ones.
    package var liveTraceID: UInt64 = 0
    /// Its number in the coordinator's feed that it comes from; 0 where it comes from a relay.
    package var sourceID: UInt64 = 0
    /// A stored trace's path below the directory that was named; empty for live traces. Not a part of frames.
    package var relativePath = ""

    package init(id: UInt64, relay: String, host: String, session: String, sessionID: UInt64, path: String) {
        self.id = id
        self.relay = relay
        self.host = host
        self.session = session
        self.sessionID = sessionID
        self.path = path
    }
}

/// A data stream in the feed.
package struct FeedStream: Sendable, Equatable {
    /// Unique in the feed.
    package var id: UInt64
    package var traceID: UInt64
    /// The relay's number of the stream.
    package var liveStreamID: UInt64
    package var channel: String
    /// Its number in the coordinator's feed that it comes from; 0 where it comes from a relay.
    package var sourceID: UInt64 = 0
    /// Where a stored stream is: its file, or the first of them, as the directory was named; empty for live streams.
    /// Not a part of frames.
    package var filePath = ""
    /// The class, where the coordinator knew it when it declared the stream. Not a part of frames.
    package var classID: UInt64?

    package init(id: UInt64, traceID: UInt64, liveStreamID: UInt64, channel: String) {
        self.id = id
        self.traceID = traceID
        self.liveStreamID = liveStreamID
        self.channel = channel
    }
}

/// A packet of which the feed carries events: shared by all slices that are cut from it.
package final class FeedPacket: Sendable {
    /// Unique in the feed.
    package let id: UInt64
    package let trace: FeedTrace
    package let stream: FeedStream
    /// The program of the metadata that was known when the packet came.
    package let program: TraceProgram
    /// Bytes of metadata text that `program` was compiled from.
    package let metadataBytes: UInt64
    package let preamble: PacketPreamble
    /// The packet's first bytes, header and context, whole: at least up to the first event.
    package let preambleStorage: ByteStorage
    /// Added to each timestamp, by configuration or by measurement.
    package let correction: TimeCorrection
    /// Where a stored packet begins, bytes from its file's start; nil for live ones. Not a part of frames.
    package let fileOffset: UInt64?
    /// As its relay tells of a live packet.
    package let place: PacketPlace

    package init(
        id: UInt64,
        trace: FeedTrace,
        stream: FeedStream,
        program: TraceProgram,
        metadataBytes: UInt64,
        preamble: PacketPreamble,
        preambleStorage: ByteStorage,
        correction: TimeCorrection,
        fileOffset: UInt64? = nil,
        place: PacketPlace = PacketPlace(endCycles: 0, offset: 0)
    ) {
        self.id = id
        self.trace = trace
        self.stream = stream
        self.program = program
        self.metadataBytes = metadataBytes
        self.preamble = preamble
        self.preambleStorage = preambleStorage
        self.correction = correction
        self.fileOffset = fileOffset
        self.place = place
    }
}

/// Consecutive events of one packet.
package struct EventSlice: Sendable {
    package var packet: FeedPacket
    /// Where the bytes lie.
    package var storage: ByteStorage
    /// Offset in `storage` of the packet's byte `firstBits / 8`.
    package var storageOffset: Int
    /// The first event's start, bits from the packet's start.
    package var firstBits: UInt64
    /// The end of the last event, bits from the packet's start.
    package var endBits: UInt64
    /// The clock's value before the first event's timestamp is read, cycles.
    package var clockCycles: UInt64
    package var eventCount: Int
    /// Whether this is the packet's first slice in the feed, which carries the packet's preamble.
    package var opensPacket: Bool

    package init(
        packet: FeedPacket,
        storage: ByteStorage,
        storageOffset: Int,
        firstBits: UInt64,
        endBits: UInt64,
        clockCycles: UInt64,
        eventCount: Int,
        opensPacket: Bool
    ) {
        self.packet = packet
        self.storage = storage
        self.storageOffset = storageOffset
        self.firstBits = firstBits
        self.endBits = endBits
        self.clockCycles = clockCycles
        self.eventCount = eventCount
        self.opensPacket = opensPacket
    }
}

/// Events in order: slices, and in which turn they are consumed.
///
/// A stream's events leave in stream order, so all that a batch takes from one packet is one slice, however the streams
/// interleave; `order` alone says how. Sum of `order[..].count` = sum of `slices[..].eventCount` = `eventCount`.
package struct EventGroup: Sendable {
    /// The next `count` events of `slices[slice]`.
    @frozen @usableFromInline
    package struct Run: Sendable, Equatable, BitwiseCopyable {
        @usableFromInline package var slice: UInt32
        @usableFromInline package var count: UInt32
        @inlinable
        package init(slice: UInt32, count: UInt32) {
            self.slice = slice
            self.count = count
        }
    }

    /// An event that left behind the watermark.
    package struct Late: Sendable, Equatable, BitwiseCopyable {
        /// Its index in the group's order, from 0.
        package var index: UInt32
        /// How far it was behind the watermark, nanoseconds, > 0.
        package var lateNs: Int64
        /// It is late only because the offsets of its host's traces differ.
        package var isByClock: Bool
        package init(index: UInt32, lateNs: Int64, isByClock: Bool = false) {
            self.isByClock = isByClock
            self.index = index
            self.lateNs = lateNs
        }

        /// The same event elsewhere in a group.
        func moved(to index: UInt32) -> Late {
            var moved = self
            moved.index = index
            return moved
        }
    }

    package var slices: [EventSlice]
    package var order: [Run]
    /// By ascending index.
    package var late: [Late]
    package var eventCount: Int

    package init(slices: [EventSlice] = [], order: [Run] = [], late: [Late] = [], eventCount: Int = 0) {
        self.slices = slices
        self.order = order
        self.late = late
        self.eventCount = eventCount
    }
}

/// The state of a relay in the feed.
package enum RelayState: UInt8, Sendable, CaseIterable {
    case connecting = 1
    /// Delivering; its frontier counts.
    case active
    /// Only beacons come.
    case quiet
    /// Its frontier stands still while others go on.
    case lagging
    /// Past its grace time: no longer counted in W.
    case excluded
    /// Answers again, but has not caught up with W.
    case rejoining
    case ended
}

package struct RelayStateChange: Sendable, Equatable {
    package var relay: String
    package var state: RelayState
    /// Why, for people; may be empty.
    package var reason: String
    /// Its frontier at the change, nanoseconds; nil when it has none.
    package var frontierNs: Int64?

    package init(relay: String, state: RelayState, reason: String, frontierNs: Int64? = nil) {
        self.relay = relay
        self.state = state
        self.reason = reason
        self.frontierNs = frontierNs
    }
}

/// The state of a session in the feed.
package enum SessionState: UInt8, Sendable, CaseIterable {
    /// Another viewer holds it.
    case held = 1
    case active
    case ended
    /// Gone without an end: the relay restarted or forgot it.
    case lost
}

package struct SessionStateChange: Sendable, Equatable {
    package var relay: String
    package var host: String
    package var session: String
    package var sessionID: UInt64
    package var state: SessionState
    package var reason: String
    /// What it had before this time, nanoseconds, was not asked for; nil where all was, or while it is not known.
    package var startNs: Int64?

    package init(
        relay: String,
        host: String,
        session: String,
        sessionID: UInt64,
        state: SessionState,
        reason: String,
        startNs: Int64? = nil
    ) {
        self.startNs = startNs
        self.relay = relay
        self.host = host
        self.session = session
        self.sessionID = sessionID
        self.state = state
        self.reason = reason
    }
}

/// Something that was traced, or should have been, and will not come.
package struct LossRecord: Sendable, Equatable {
    package enum Unit: UInt8, Sendable {
        case events = 1
        case packets
    }

    package enum Cause: UInt8, Sendable {
        /// The tracer had no room for it, or overwrote it.
        case tracer = 0
        /// It was traced, and has not come through.
        case delivery
    }

    package var relay: String
    package var host: String
    package var session: String
    package var sessionID: UInt64
    /// Nil when no single stream is meant.
    package var streamID: UInt64?
    package var unit: Unit
    /// How many; nil where nobody knows.
    package var count: UInt64?
    /// The span of time in which they were lost, nanoseconds since the epoch; nil where unknown.
    package var fromNs: Int64?
    package var toNs: Int64?
    package var reason: String
    package var cause: Cause
    /// The packet by which it showed; nil where it was none.
    package var packet: PacketPlace?

    package init(
        relay: String,
        host: String,
        session: String,
        sessionID: UInt64,
        streamID: UInt64?,
        unit: Unit,
        count: UInt64?,
        fromNs: Int64?,
        toNs: Int64?,
        reason: String,
        cause: Cause = .delivery,
        packet: PacketPlace? = nil
    ) {
        self.packet = packet
        self.relay = relay
        self.host = host
        self.session = session
        self.sessionID = sessionID
        self.streamID = streamID
        self.unit = unit
        self.count = count
        self.fromNs = fromNs
        self.toNs = toNs
        self.reason = reason
        self.cause = cause
    }
}

/// Which packet of a stream.
package struct PacketPlace: Sendable, Equatable {
    package var endCycles: UInt64
    /// Where the relay has it in its stream, bytes.
    package var offset: UInt64
    /// Of a loss: the events discarded so far; nil where the stream does not count.
    package var discardedEvents: UInt64?

    package init(endCycles: UInt64, offset: UInt64, discardedEvents: UInt64? = nil) {
        self.endCycles = endCycles
        self.offset = offset
        self.discardedEvents = discardedEvents
    }

    package func isSame(as other: PacketPlace) -> Bool { endCycles == other.endCycles && offset == other.offset }

    /// Packets of a stream end one after the other, some of them at the same time.
    package func isAfter(_ other: PacketPlace) -> Bool {
        (endCycles, offset) > (other.endCycles, other.offset)
    }
}

/// The end of a stream whose events have left.
package struct StreamEndRecord: Sendable, Equatable {
    package var streamID: UInt64
    package var traceID: UInt64
    /// Its trace's identity, by which it is known should a relay give it once more; nil where it has none.
    package var traceUUID: TraceUUID?

    package init(streamID: UInt64, traceID: UInt64, traceUUID: TraceUUID?) {
        self.streamID = streamID
        self.traceID = traceID
        self.traceUUID = traceUUID
    }
}

/// Who holds the watermark back.
package struct HolderRecord: Sendable, Equatable {
    package var relay: String
    package var host: String
    package var session: String
    /// Nil when it is not one stream (a relay not attached yet, an empty session).
    package var streamID: UInt64?
    /// For how long, nanoseconds.
    package var heldNs: Int64

    package init(relay: String, host: String, session: String, streamID: UInt64?, heldNs: Int64) {
        self.relay = relay
        self.host = host
        self.session = session
        self.streamID = streamID
        self.heldNs = heldNs
    }
}

/// A part of the feed that a subscriber cannot have any more.
package struct GapRecord: Sendable, Equatable {
    package var fromSequence: UInt64
    package var toSequence: UInt64
    package var reason: String

    package init(fromSequence: UInt64, toSequence: UInt64, reason: String) {
        self.fromSequence = fromSequence
        self.toSequence = toSequence
        self.reason = reason
    }
}

/// How the coordinator's log stands.
package struct LogRecord: Sendable, Equatable {
    package enum Condition: UInt8, Sendable, CaseIterable {
        /// Frames are logged again.
        case writing = 1
        /// Nothing can be logged, so nothing leaves.
        case failing
    }

    package var condition: Condition
    /// For people.
    package var reason: String
    /// For how long it failed, nanoseconds; 0 while it does.
    package var heldNs: Int64

    package init(condition: Condition, reason: String, heldNs: Int64 = 0) {
        self.condition = condition
        self.reason = reason
        self.heldNs = heldNs
    }
}
