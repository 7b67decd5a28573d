extension Configuration {
    /// One entry of `forward`: a collector that the feed is sent on to.
    package struct Forwarder: Sendable, Equatable {
        /// Unique; the name of its cursor.
        package var name: String
        package var collector: Collector
        /// A filter expression, as written; empty: all events.
        package var filter: String
        /// Where it begins that has no cursor yet.
        package var from: Start

        package init(name: String, collector: Collector, filter: String = "", from: Start = .beginning) {
            self.name = name
            self.collector = collector
            self.filter = filter
            self.from = from
        }
    }

    /// What a forwarder sends to.
    package enum Collector: Sendable, Equatable {
        case file(FileCollector)
        case exec(ProgramCollector)
        case syslog(SyslogCollector)
        case otlp(OTLPCollector)
    }

    /// JSON lines in a file.
    package struct FileCollector: Sendable, Equatable {
        package var path: String
        /// The file is set aside once it has so many bytes; nil: never. Positive.
        package var rotateBytes: UInt64?
        /// Files set aside that are kept, the newest; positive.
        package var keep: Int
        /// Whether control records (states, losses, gaps, watermarks) stand between the events.
        package var includesControlRecords: Bool

        package init(
            path: String,
            rotateBytes: UInt64? = nil,
            keep: Int = 8,
            includesControlRecords: Bool = false
        ) {
            self.path = path
            self.rotateBytes = rotateBytes
            self.keep = keep
            self.includesControlRecords = includesControlRecords
        }
    }

    /// JSON lines on a program's standard input.
    package struct ProgramCollector: Sendable, Equatable {
        /// The program, and its arguments; not empty.
        package var command: [String]
        package var includesControlRecords: Bool

        package init(command: [String], includesControlRecords: Bool = false) {
            self.command = command
            self.includesControlRecords = includesControlRecords
        }
    }

    /// How a forwarder speaks TLS.
    package struct ClientTLS: Sendable, Equatable {
        /// By whom the collector's certificate must be signed.
        package var authorityFile: String
        /// What we show; nil: nothing.
        package var certificate: ServerCertificate?

        package init(authorityFile: String, certificate: ServerCertificate? = nil) {
            self.authorityFile = authorityFile
            self.certificate = certificate
        }
    }

    /// Syslog (RFC 5424) over TLS (RFC 5425).
    package struct SyslogCollector: Sendable, Equatable {
        package var endpoint: NetworkEndpoint
        package var tls: ClientTLS
        package var facility: SyslogFacility

        package init(endpoint: NetworkEndpoint, tls: ClientTLS, facility: SyslogFacility = .local0) {
            self.endpoint = endpoint
            self.tls = tls
            self.facility = facility
        }
    }

    /// RFC 5424, table 1: those that a program may use.
    package enum SyslogFacility: String, Sendable, Equatable, CaseIterable {
        case user, daemon, local0, local1, local2, local3, local4, local5, local6, local7

        package var number: UInt8 {
            switch self {
            case .user: 1
            case .daemon: 3
            case .local0: 16
            case .local1: 17
            case .local2: 18
            case .local3: 19
            case .local4: 20
            case .local5: 21
            case .local6: 22
            case .local7: 23
            }
        }
    }

    /// OTLP logs over HTTP, as protobuf.
    package struct OTLPCollector: Sendable, Equatable {
        package var endpoint: NetworkEndpoint
        /// As in the request, with its slash.
        package var path: String
        /// Nil: plain HTTP.
        package var tls: ClientTLS?
        /// Names and values, in the file's order.
        package var headers: [Header]
        package var usesGzip: Bool
        package var batch: Batch
        /// Requests on their way at once.
        package var concurrency: Int
        /// For an answer, from the moment that the request is sent; nanoseconds.
        package var timeoutNs: Int64

        package struct Header: Sendable, Equatable {
            package var name: String
            package var value: String

            package init(name: String, value: String) {
                self.name = name
                self.value = value
            }
        }

        /// A batch is sent as soon as one of these is reached.
        package struct Batch: Sendable, Equatable {
            package var events: Int
            /// Before compression.
            package var bytes: Int
            /// From its first event on, nanoseconds.
            package var afterNs: Int64

            package init(events: Int = 8192, bytes: Int = 2 << 20, afterNs: Int64 = 1_000_000_000) {
                self.events = events
                self.bytes = bytes
                self.afterNs = afterNs
            }
        }

        package init(
            endpoint: NetworkEndpoint,
            path: String = "/v1/logs",
            tls: ClientTLS? = nil,
            headers: [Header] = [],
            usesGzip: Bool = true,
            batch: Batch = Batch(),
            concurrency: Int = 2,
            timeoutNs: Int64 = 10_000_000_000
        ) {
            self.endpoint = endpoint
            self.path = path
            self.tls = tls
            self.headers = headers
            self.usesGzip = usesGzip
            self.batch = batch
            self.concurrency = concurrency
            self.timeoutNs = timeoutNs
        }
    }
}

extension Configuration.Collector {
    /// Its key in the file.
    package var kind: String {
        switch self {
        case .file: "file"
        case .exec: "exec"
        case .syslog: "syslog"
        case .otlp: "otlp"
        }
    }

    package var tls: Configuration.ClientTLS? {
        switch self {
        case .file, .exec: nil
        case .syslog(let collector): collector.tls
        case .otlp(let collector): collector.tls
        }
    }
}
