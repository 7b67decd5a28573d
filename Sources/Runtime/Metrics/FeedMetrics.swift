package import Observability

/// What a coordinator measures.
package enum FeedMetrics {
    private static let relay = ["relay"]
    private static let session = ["relay", "host", "session"]
    private static let stream = ["relay", "host", "session", "channel", "stream"]
    private static let subscriber = ["identity", "peer", "subscriber"]

    // MARK: The feed

    static let build = MetricFamily(
        "tidemark_build_info",
        .gauge,
        "Always 1; the program's version.",
        labels: ["version"]
    )
    static let watermark = MetricFamily(
        "tidemark_watermark_timestamp_seconds",
        .gauge,
        "The watermark W: all events before this time have left, since the epoch."
    )
    static let watermarkLag = MetricFamily(
        "tidemark_watermark_lag_seconds",
        .gauge,
        "How far W is behind the coordinator's clock."
    )
    static let watermarkHeld = MetricFamily(
        "tidemark_watermark_held_seconds",
        .gauge,
        "How long W has been held back, and by whom: empty labels mean the relay or session as a whole. "
            + "Absent while nobody has held it for two seconds.",
        labels: ["relay", "host", "session", "stream"]
    )
    /// Somebody is always the last for a moment: who holds W is named from so long on, nanoseconds.
    static let namedAfterNs: Int64 = 2_000_000_000
    static let pendingEvents = MetricFamily(
        "tidemark_merge_pending_events",
        .gauge,
        "Events that have come and wait for W."
    )
    static let mergeHeld = MetricFamily(
        "tidemark_merge_held",
        .gauge,
        "1 while relays are asked for less because the log does not keep up or cannot be written."
    )
    static let batches = MetricFamily("tidemark_feed_batches_total", .counter, "Batches that have left the merge.")
    static let frames = MetricFamily(
        "tidemark_feed_sequence",
        .gauge,
        "Number of the feed's newest frame, counted since the feed began."
    )
    static let eventDelay = MetricFamily(
        "tidemark_feed_event_delay_seconds",
        .histogram,
        "By batch: the age of its newest event in order, by the traced host's clock against ours, once the batch "
            + "was in the log, from where subscribers are sent it."
    )
    static let queueTime = MetricFamily(
        "tidemark_feed_log_delay_seconds",
        .histogram,
        "By batch: the time from when it left the merge until it was in the log, from where subscribers are sent it."
    )

    // MARK: Relays

    static let relayState = MetricFamily(
        "tidemark_relay_state",
        .gauge,
        "1 for the state that the relay is in: connecting, active, quiet, lagging, excluded, rejoining or ended.",
        labels: ["relay", "state"]
    )
    static let relayConnected = MetricFamily(
        "tidemark_relay_connected",
        .gauge,
        "1 while the relay's connection is open.",
        labels: relay
    )
    static let relayLag = MetricFamily(
        "tidemark_relay_lag_seconds",
        .gauge,
        "How far the time up to which the relay has told all is behind the coordinator's clock.",
        labels: relay
    )
    static let relayHolds = MetricFamily(
        "tidemark_relay_holds_watermark",
        .gauge,
        "1 while W waits for this relay and others are ahead.",
        labels: relay
    )
    static let relaySessions = MetricFamily(
        "tidemark_relay_sessions",
        .gauge,
        "Sessions that are attached or waited for; each domain of a tracing session is one.",
        labels: relay
    )
    static let relayStreams = MetricFamily("tidemark_relay_streams", .gauge, "Streams of these.", labels: relay)
    static let relayConnections = MetricFamily(
        "tidemark_relay_connections_total",
        .counter,
        "Connections that were opened: the relay's, and one for each session.",
        labels: relay
    )
    static let relayReconnects = MetricFamily(
        "tidemark_relay_reconnects_total",
        .counter,
        "Times that the relay's connection was opened again.",
        labels: relay
    )
    static let relayPolls = MetricFamily(
        "tidemark_relay_polls_total",
        .counter,
        "Batches of requests sent to the relay.",
        labels: relay
    )
    static let relayReceived = MetricFamily(
        "tidemark_relay_received_bytes_total",
        .counter,
        "Bytes received from the relay.",
        labels: relay
    )
    static let relayQueue = MetricFamily(
        "tidemark_relay_queue_bytes",
        .gauge,
        "Packet bytes that have been fetched and of which events wait for W.",
        labels: relay
    )
    static let relayCounts = CountFamilies("relay", labels: relay)

    // MARK: Sessions and streams

    static let sessionState = MetricFamily(
        "tidemark_session_state",
        .gauge,
        "1 for the state that the session was last said to be in: held (by another viewer), active, ended or lost.",
        labels: session + ["state"]
    )
    static let sessionAttached = MetricFamily(
        "tidemark_session_attached",
        .gauge,
        "Connections by which the session is attached: one for each of its domains.",
        labels: session
    )
    static let sessionLag = MetricFamily(
        "tidemark_session_lag_seconds",
        .gauge,
        "How far the time up to which the session has told all is behind the coordinator's clock.",
        labels: session
    )
    static let sessionStreams = MetricFamily(
        "tidemark_session_streams",
        .gauge,
        "Streams of the session.",
        labels: session
    )
    static let sessionCounts = CountFamilies("session", labels: session)
    static let streamLag = MetricFamily(
        "tidemark_stream_lag_seconds",
        .gauge,
        "How far the time up to which the stream has told all is behind the coordinator's clock.",
        labels: stream
    )
    static let streamEvents = MetricFamily(
        "tidemark_stream_events_total",
        .counter,
        "Events of a stream that is there.",
        labels: stream
    )
    static let streamBytes = MetricFamily(
        "tidemark_stream_event_bytes_total",
        .counter,
        "Bytes of these events as they were traced.",
        labels: stream
    )
    static let streamLate = MetricFamily(
        "tidemark_stream_late_events_total",
        .counter,
        "Those of these events that left behind W.",
        labels: stream
    )

    // MARK: Log and subscribers

    static let logBytes = MetricFamily("tidemark_log_size_bytes", .gauge, "Bytes that the log keeps.")
    static let logSegments = MetricFamily("tidemark_log_segments", .gauge, "Files of a log on disk.")
    static let logOldest = MetricFamily(
        "tidemark_log_oldest_timestamp_seconds",
        .gauge,
        "When the oldest file of a log on disk was begun, since the epoch."
    )
    static let logFailing = MetricFamily("tidemark_log_failing", .gauge, "1 while the log cannot be written.")
    static let logQueue = MetricFamily("tidemark_log_queue_batches", .gauge, "Batches that wait to be logged.")
    static let subscribers = MetricFamily("tidemark_subscribers", .gauge, "Subscribers that are connected.")
    static let waiting = MetricFamily(
        "tidemark_subscribers_waiting",
        .gauge,
        "Connections to the feed that have not subscribed yet."
    )
    static let connections = MetricFamily(
        "tidemark_subscriber_connections_total",
        .counter,
        "Connections to the feed."
    )
    static let refused = MetricFamily(
        "tidemark_subscribers_refused_total",
        .counter,
        "Connections and subscriptions that were one too many."
    )
    static let sentBytes = MetricFamily(
        "tidemark_subscribers_sent_bytes_total",
        .counter,
        "Bytes that all subscribers were sent, inside TLS."
    )
    static let subscriberLag = MetricFamily(
        "tidemark_subscriber_lag_frames",
        .gauge,
        "Frames of the feed that the subscriber was not sent yet.",
        labels: subscriber
    )
    static let subscriberLive = MetricFamily(
        "tidemark_subscriber_caught_up",
        .gauge,
        "1 once the subscriber has had all that there was, and from then on.",
        labels: subscriber
    )
    static let subscriberQueue = MetricFamily(
        "tidemark_subscriber_queue_bytes",
        .gauge,
        "Bytes that wait for the subscriber's socket.",
        labels: subscriber
    )
    static let subscriberSent = MetricFamily(
        "tidemark_subscriber_sent_bytes_total",
        .counter,
        "Bytes that the subscriber was sent, inside TLS.",
        labels: subscriber
    )

    // MARK: Forwarders

    private static let forwarder = ["forwarder", "kind"]
    static let forwarderState = MetricFamily(
        "tidemark_forwarder_state",
        .gauge,
        "1 for the state that the forwarder is in: connecting, delivering, retrying, refused or ended.",
        labels: forwarder + ["state"]
    )
    static let forwarderLag = MetricFamily(
        "tidemark_forwarder_lag_frames",
        .gauge,
        "Frames of the feed that the collector has not taken yet.",
        labels: forwarder
    )
    static let forwarderEvents = MetricFamily(
        "tidemark_forwarder_events_total",
        .counter,
        "Events that the collector took.",
        labels: forwarder
    )
    static let forwarderRefused = MetricFamily(
        "tidemark_forwarder_refused_events_total",
        .counter,
        "Events that the collector refused for good, and that were gone past.",
        labels: forwarder
    )
    static let forwarderDamaged = MetricFamily(
        "tidemark_forwarder_damaged_events_total",
        .counter,
        "Events that could not be decoded, or were too long for the collector, and were gone past.",
        labels: forwarder
    )
    static let forwarderMissed = MetricFamily(
        "tidemark_forwarder_missed_frames_total",
        .counter,
        "Frames that the log had dropped before the forwarder came to them.",
        labels: forwarder
    )
    static let forwarderRetries = MetricFamily(
        "tidemark_forwarder_retries_total",
        .counter,
        "Requests, connections and starts of a program that were tried again.",
        labels: forwarder
    )
    static let forwarderSent = MetricFamily(
        "tidemark_forwarder_sent_bytes_total",
        .counter,
        "Bytes that the collector was sent, inside TLS; those that were sent again count again.",
        labels: forwarder
    )
    static let forwarderQueue = MetricFamily(
        "tidemark_forwarder_queue_bytes",
        .gauge,
        "Bytes that wait for the collector, or for its answer.",
        labels: forwarder
    )
    static let expiry = MetricFamily(
        "tidemark_tls_expiry_timestamp_seconds",
        .gauge,
        "Until when a certificate or a revocation list is good, since the epoch.",
        labels: ["kind", "file"]
    )

    // MARK: LTTng live viewers

    static let viewers = MetricFamily("tidemark_viewers", .gauge, "LTTng live viewers that are connected.")
    static let viewerConnections = MetricFamily(
        "tidemark_viewer_connections_total",
        .counter,
        "Connections of LTTng live viewers."
    )
    static let viewersRefused = MetricFamily(
        "tidemark_viewers_refused_total",
        .counter,
        "Connections of LTTng live viewers that were one too many."
    )
    static let viewersSent = MetricFamily(
        "tidemark_viewers_sent_bytes_total",
        .counter,
        "Bytes that all LTTng live viewers were sent."
    )
    static let viewerPackets = MetricFamily(
        "tidemark_viewer_packets_total",
        .counter,
        "Packets that LTTng live viewers were shown, all of them together."
    )
    static let viewerWithheld = MetricFamily(
        "tidemark_viewer_withheld_packets_total",
        .counter,
        "Packets that LTTng live viewers were not shown: with late events, with parts that are missing, or given up."
    )
    static let viewerWithheldEvents = MetricFamily(
        "tidemark_viewer_withheld_events_total",
        .counter,
        "Events of these packets that the feed has."
    )
    static let viewerGivenUp = MetricFamily(
        "tidemark_viewer_given_up_packets_total",
        .counter,
        "Packets that were given up, or let go of before they were fetched, because live.memory is too little."
    )
    static let viewerLag = MetricFamily(
        "tidemark_viewer_lag_frames",
        .gauge,
        "Frames of the feed that were not read for the LTTng live viewer yet.",
        labels: ["peer", "viewer"]
    )
    static let viewerRequests = MetricFamily(
        "tidemark_viewer_waiting_requests",
        .gauge,
        "Requests of the LTTng live viewer that are not answered yet.",
        labels: ["peer", "viewer"]
    )
    static let viewerKept = MetricFamily(
        "tidemark_viewer_kept_bytes",
        .gauge,
        "Bytes of packets that are kept for the LTTng live viewer, of the live.memory that it may take.",
        labels: ["peer", "viewer"]
    )

    /// Those of LTTng live viewers.
    static let ofViewers = [
        viewers, viewerConnections, viewersRefused, viewersSent, viewerPackets, viewerWithheld, viewerWithheldEvents,
        viewerGivenUp, viewerLag, viewerRequests, viewerKept,
    ]

    // MARK: The process

    static let cpu = MetricFamily("process_cpu_seconds_total", .counter, "User and system time.")
    static let resident = MetricFamily("process_resident_memory_bytes", .gauge, "Memory in use.")
    static let virtual = MetricFamily("process_virtual_memory_bytes", .gauge, "Address space in use.")
    static let openFiles = MetricFamily("process_open_fds", .gauge, "Open file descriptors.")
    static let openFilesMax = MetricFamily("process_max_fds", .gauge, "File descriptors that may be open.")
    static let started = MetricFamily(
        "process_start_time_seconds",
        .gauge,
        "When the process was started, since the epoch."
    )

    /// All of them.
    package static let registry = MetricRegistry(
        [
            build, watermark, watermarkLag, watermarkHeld, pendingEvents, mergeHeld, batches, frames, eventDelay,
            queueTime, relayState, relayConnected, relayLag, relayHolds, relaySessions, relayStreams,
            relayConnections, relayReconnects, relayPolls, relayReceived, relayQueue,
        ] + relayCounts.families + [sessionState, sessionAttached, sessionLag, sessionStreams]
            + sessionCounts.families + [
                streamLag, streamEvents, streamBytes, streamLate, logBytes, logSegments, logOldest, logFailing,
                logQueue, subscribers, waiting, connections, refused, sentBytes, subscriberLag, subscriberLive,
                subscriberQueue, subscriberSent, forwarderState, forwarderLag, forwarderEvents, forwarderRefused,
                forwarderDamaged, forwarderMissed, forwarderRetries, forwarderSent, forwarderQueue, expiry, cpu,
                resident, virtual, openFiles, openFilesMax, started,
            ] + ofViewers
    )
}

/// The families of what is counted of a relay, and of a session.
struct CountFamilies: Sendable {
    let events: MetricFamily
    let bytes: MetricFamily
    let late: MetricFamily
    let lostEvents: MetricFamily
    let lostPackets: MetricFamily
    let unknownLosses: MetricFamily

    init(_ what: String, labels: [String]) {
        func family(_ name: String, _ help: String) -> MetricFamily {
            MetricFamily("tidemark_\(what)_\(name)_total", .counter, help, labels: labels)
        }
        events = family("events", "Events of the \(what) that have left, late ones as well.")
        bytes = family("event_bytes", "Bytes of these events as they were traced.")
        late = family("late_events", "Those of these events that left behind W.")
        lostEvents = family("lost_events", "Events of the \(what) that are known to be lost.")
        lostPackets = family("lost_packets", "Packets of the \(what) that are known to be lost.")
        unknownLosses = family("unknown_losses", "Losses of the \(what) of which nobody knows how much was lost.")
    }

    var families: [MetricFamily] { [events, bytes, late, lostEvents, lostPackets, unknownLosses] }
}
