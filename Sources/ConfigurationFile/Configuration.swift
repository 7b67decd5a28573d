/// What `tidemark serve` is told by its configuration file, checked and typed. File names in it are absolute, or
/// relative to the working directory as the configuration file's own name was.
package struct Configuration: Sendable, Equatable {
    package var relays: [Relay]
    package var order: Order
    package var feed: Feed
    package var log: Log
    /// Not given: no HTTP.
    package var http: HTTP?
    /// Not given: no LTTng live re-export.
    package var live: Live?
    package var forward: [Forwarder]

    package init(
        relays: [Relay],
        order: Order,
        feed: Feed,
        log: Log,
        http: HTTP?,
        live: Live?,
        forward: [Forwarder]
    ) {
        self.relays = relays
        self.order = order
        self.feed = feed
        self.log = log
        self.http = http
        self.live = live
        self.forward = forward
    }
}

extension Configuration {
    /// A source of events: one lttng-relayd, or another coordinator.
    package struct Relay: Sendable, Equatable {
        /// Unique; the label in the feed.
        package var name: String
        package var url: SourceURL
        /// Globs over `HOSTNAME/SESSION`; a session is taken where any of them matches.
        package var sessions: [Glob]
        package var from: Start
        /// Added to all timestamps of this relay, in nanoseconds.
        package var clockOffsetNs: Int64
        package var clock: Clock
        /// For `tls://` only.
        package var credentials: Credentials?

        package init(
            name: String,
            url: SourceURL,
            sessions: [Glob] = [Glob("*")],
            from: Start = .beginning,
            clockOffsetNs: Int64 = 0,
            clock: Clock = .reported,
            credentials: Credentials? = nil
        ) {
            self.name = name
            self.url = url
            self.sessions = sessions
            self.from = from
            self.clockOffsetNs = clockOffsetNs
            self.clock = clock
            self.credentials = credentials
        }
    }

    /// Where a source's stored events begin for us.
    package enum Start: Sendable, Equatable {
        /// Also spelled `earliest`.
        case beginning
        /// Also spelled `latest`.
        case now
    }

    /// What is done about a relay's hosts whose clocks are off.
    package enum Clock: String, Sendable, Equatable, CaseIterable {
        /// It is said how they stand.
        case reported
        /// Their timestamps are corrected by what messages between hosts show.
        case measured
    }

    /// Names of PEM files that a client of TLS needs.
    package struct Credentials: Sendable, Equatable {
        package var authorityFile: String
        package var certificateFile: String
        package var keyFile: String

        package init(authorityFile: String, certificateFile: String, keyFile: String) {
            self.authorityFile = authorityFile
            self.certificateFile = certificateFile
            self.keyFile = keyFile
        }
    }

    package struct Order: Sendable, Equatable {
        package var stallAfter: StallLimit
        /// Which events tell of messages between hosts.
        package var messages: [Messages]

        package init(stallAfter: StallLimit = .afterNs(30_000_000_000), messages: [Messages] = []) {
            self.stallAfter = stallAfter
            self.messages = messages
        }
    }

    /// Two events that say that one host has sent a message and another has received it: clocks are compared by them.
    package struct Messages: Sendable, Equatable {
        /// Names of events.
        package var send: String
        package var receive: String
        /// The payload field of both whose value is the same for one message, and for no other.
        package var by: String

        package init(send: String, receive: String, by: String) {
            self.send = send
            self.receive = receive
            self.by = by
        }
    }

    /// How long a relay may hold the watermark back.
    package enum StallLimit: Sendable, Equatable {
        case never
        /// Nanoseconds, positive.
        case afterNs(Int64)
    }

    package struct Feed: Sendable, Equatable {
        package var listen: NetworkEndpoint
        package var certificateFile: String
        package var keyFile: String
        /// Who may connect.
        package var clientAuthorityFile: String
        /// Who may see what; empty: nobody sees anything.
        package var allow: [AllowRule]
        package var limits: Limits
        /// Shown to clients that ask for a host that one of them is for.
        package var certificates: [ServerCertificate]
        /// Files of revocation lists; empty: nothing is revoked.
        package var revocationListFiles: [String]
        /// The oldest that is spoken.
        package var tlsVersion: TLSVersion

        package init(
            listen: NetworkEndpoint,
            certificateFile: String,
            keyFile: String,
            clientAuthorityFile: String,
            allow: [AllowRule],
            limits: Limits = Limits(),
            certificates: [ServerCertificate] = [],
            revocationListFiles: [String] = [],
            tlsVersion: TLSVersion = .v13
        ) {
            self.listen = listen
            self.certificateFile = certificateFile
            self.keyFile = keyFile
            self.clientAuthorityFile = clientAuthorityFile
            self.allow = allow
            self.limits = limits
            self.certificates = certificates
            self.revocationListFiles = revocationListFiles
            self.tlsVersion = tlsVersion
        }
    }

    /// What the subscribers of one identity may use together.
    package struct Limits: Sendable, Equatable {
        /// Positive.
        package var connections: Int
        /// Positive; nil: whatever they take.
        package var bytesPerSecond: Int?
        /// Bytes that wait for their sockets.
        package var bufferBytes: Int

        package init(connections: Int = 256, bytesPerSecond: Int? = nil, bufferBytes: Int = 256 << 20) {
            self.connections = connections
            self.bytesPerSecond = bytesPerSecond
            self.bufferBytes = bufferBytes
        }
    }

    /// A certificate beside the feed's plain one, and its key.
    package struct ServerCertificate: Sendable, Equatable {
        package var certificateFile: String
        package var keyFile: String

        package init(certificateFile: String, keyFile: String) {
            self.certificateFile = certificateFile
            self.keyFile = keyFile
        }
    }

    package enum TLSVersion: String, Sendable, Equatable, CaseIterable {
        case v12 = "1.2"
        case v13 = "1.3"
    }

    /// Identities that match may see the events where relay, host, session and event name all match.
    package struct AllowRule: Sendable, Equatable {
        package var identity: Glob
        package var relays: [Glob]
        package var hosts: [Glob]
        package var sessions: [Glob]
        package var events: [Glob]

        package init(
            identity: Glob,
            relays: [Glob] = [Glob("*")],
            hosts: [Glob] = [Glob("*")],
            sessions: [Glob] = [Glob("*")],
            events: [Glob] = [Glob("*")]
        ) {
            self.events = events
            self.identity = identity
            self.relays = relays
            self.hosts = hosts
            self.sessions = sessions
        }
    }

    package struct Log: Sendable, Equatable {
        /// When the disk is told to make sure of what it was given.
        package enum Sync: Sendable, Equatable {
            /// When the system sees fit: safe against the end of the process, not against the loss of power.
            case never
            /// At most so often: nanoseconds, positive.
            case everyNs(Int64)
            /// Before any subscriber gets it.
            case always
        }

        /// Not given: the log is kept in memory.
        package var directory: String?
        /// Bytes, positive.
        package var retainBytes: UInt64
        /// Nanoseconds, positive; nil: by bytes only, as in memory.
        package var retainAgeNs: Int64?
        package var sync: Sync

        /// - Parameters:
        ///   - retainBytes: nil: 10 GiB on disk, 256 MiB in memory.
        ///   - retainAgeNs: nil: 24 hours on disk.
        package init(
            directory: String? = nil,
            retainBytes: UInt64? = nil,
            retainAgeNs: Int64? = nil,
            sync: Sync = .never
        ) {
            self.directory = directory
            self.retainBytes = retainBytes ?? (directory == nil ? 256 << 20 : 10 << 30)
            self.retainAgeNs = retainAgeNs ?? (directory == nil ? nil : 24 * 3_600_000_000_000)
            self.sync = sync
        }
    }

    /// Health and metrics by HTTP. Elsewhere than on loopback only by TLS, and only for those who show something.
    package struct HTTP: Sendable, Equatable {
        package var listen: NetworkEndpoint
        /// Nil: without TLS.
        package var certificate: ServerCertificate?
        /// By whose certificates one may connect; with TLS only.
        package var clientAuthorityFile: String?
        /// Files of revocation lists of these authorities.
        package var revocationListFiles: [String]
        /// What each request has to show; nil: nothing. Visible ASCII characters.
        package var token: String?

        package init(
            listen: NetworkEndpoint,
            certificate: ServerCertificate? = nil,
            clientAuthorityFile: String? = nil,
            revocationListFiles: [String] = [],
            token: String? = nil
        ) {
            self.listen = listen
            self.certificate = certificate
            self.clientAuthorityFile = clientAuthorityFile
            self.revocationListFiles = revocationListFiles
            self.token = token
        }
    }

    /// The feed for LTTng live viewers. Elsewhere than on loopback only where the file says that it is meant.
    package struct Live: Sendable, Equatable {
        package var listen: NetworkEndpoint
        /// Viewers at a time, positive.
        package var viewers: Int
        /// What the packets that are kept for one viewer may take, bytes, positive.
        package var memoryBytes: Int

        package init(listen: NetworkEndpoint, viewers: Int = 32, memoryBytes: Int = 128 << 20) {
            self.listen = listen
            self.viewers = viewers
            self.memoryBytes = memoryBytes
        }
    }
}
