// The entries of `forward`.

extension Checker {
    /// The keys of an entry, by the collector that they are for.
    private enum Keys {
        static let collectors = ["otlp", "syslog", "exec", "file"]
        static let common = ["name", "filter", "from"]
        static let tls = ["ca", "certificate", "key"]
        static let otlp =
            tls + ["headers", "gzip", "batch-events", "batch-bytes", "batch-after", "concurrency", "timeout"]
        static let syslog = tls + ["facility"]
        static let exec = ["all"]
        static let file = ["all", "rotate-bytes", "keep"]

        static let all = common + collectors + otlp + ["facility", "all", "rotate-bytes", "keep"]

        static func allowed(for collector: String) -> [String] {
            switch collector {
            case "otlp": otlp
            case "syslog": syslog
            case "exec": exec
            default: file
            }
        }
    }

    func forwarders(_ file: Section) -> [Configuration.Forwarder]? {
        guard file.has("forward") else { return [] }
        guard let elements = list(file, "forward") else { return nil }
        if elements.count > ConfigurationLimits.forwardersMax {
            report(
                "at most \(ConfigurationLimits.forwardersMax) are allowed",
                line: file.line(of: "forward"),
                key: "forward"
            )
            return nil
        }
        var lines: [String: Int] = [:]
        let forwarders = elements.map { forwarder($0.value, $0.path, &lines) }
        let complete = forwarders.compactMap(\.self)
        guard complete.count == forwarders.count else { return nil }
        refuseSharedFiles(complete, elements.map { ($0.value.line, $0.path) })
        return complete
    }

    /// Each writes its own file, and the state beside it.
    private func refuseSharedFiles(_ forwarders: [Configuration.Forwarder], _ places: [(line: Int, path: String)]) {
        var owners: [String: String] = [:]
        for (forwarder, place) in zip(forwarders, places) {
            guard case .file(let file) = forwarder.collector else { continue }
            if let owner = owners[file.path] {
                report("is the file of the forwarder '\(owner)' too", line: place.line, key: place.path + ".file")
            }
            owners[file.path] = owners[file.path] ?? forwarder.name
        }
    }

    /// - Parameter lines: where the names so far were given.
    private func forwarder(
        _ value: YAMLValue,
        _ path: String,
        _ lines: inout [String: Int]
    ) -> Configuration.Forwarder? {
        guard let section = section(value, path: path, keys: Keys.all) else { return nil }
        let name = required(section, "name", Self.forwarderName)
        if let name {
            if let first = lines[name] {
                report(
                    "'\(name)' is the name of the forwarder in line \(first) too",
                    line: section.line(of: "name"),
                    key: path + ".name"
                )
            }
            lines[name] = lines[name] ?? section.line(of: "name")
        }
        let filter = optional(section, "filter") { (text) throws(ValueError) in text }
        let from = optional(section, "from") { (text) throws(ValueError) in try Configuration.Start(text) }
        guard let kind = kind(section) else { return nil }
        let collector = collector(kind, section)
        guard let name, let collector else { return nil }
        return Configuration.Forwarder(
            name: name,
            collector: collector,
            filter: filter ?? "",
            from: from ?? .beginning
        )
    }

    /// Which collector is meant; keys of others are mistakes.
    private func kind(_ section: Section) -> String? {
        let given = Keys.collectors.filter { section.has($0) }
        guard let kind = given.first, given.count == 1 else {
            let problem = given.isEmpty ? "names no collector" : "names more than one collector"
            report(
                "\(problem): one of \(Keys.collectors.joined(separator: ", "))",
                line: section.line,
                key: section.path
            )
            return nil
        }
        let allowed = Keys.common + Keys.collectors + Keys.allowed(for: kind)
        for key in Keys.all where section.has(key) && !allowed.contains(key) {
            report("is not for \(kind)", line: section.line(of: key), key: section.path(of: key))
        }
        return kind
    }

    private func collector(_ kind: String, _ section: Section) -> Configuration.Collector? {
        switch kind {
        case "file": fileCollector(section).map { .file($0) }
        case "exec": programCollector(section).map { .exec($0) }
        case "syslog": syslogCollector(section).map { .syslog($0) }
        default: otlpCollector(section).map { .otlp($0) }
        }
    }

    private func fileCollector(_ section: Section) -> Configuration.FileCollector? {
        let path = required(section, "file", fileName)
        let rotateBytes = optional(section, "rotate-bytes", Quantity.sizeBytes)
        let keep = optional(section, "keep", Quantity.count)
        let all = optional(section, "all", Self.flag)
        if section.has("keep"), !section.has("rotate-bytes") {
            report("is for rotate-bytes only", line: section.line(of: "keep"), key: section.path(of: "keep"))
        }
        guard let path else { return nil }
        return Configuration.FileCollector(
            path: path,
            rotateBytes: rotateBytes,
            keep: keep ?? 8,
            includesControlRecords: all ?? false
        )
    }

    private func programCollector(_ section: Section) -> Configuration.ProgramCollector? {
        let all = optional(section, "all", Self.flag)
        let command = elements(section, "exec") { element, path in
            value(element, path: path) { (text) throws(ValueError) in
                guard !text.contains("\0") else { throw ValueError("is no argument: it has a zero byte in it") }
                return text
            }
        }
        guard let command else { return nil }
        guard !command.isEmpty else {
            report(
                "is empty: a program is needed, and its arguments",
                line: section.line(of: "exec"),
                key: section.path(of: "exec")
            )
            return nil
        }
        return Configuration.ProgramCollector(command: command, includesControlRecords: all ?? false)
    }

    private func syslogCollector(_ section: Section) -> Configuration.SyslogCollector? {
        let url = required(section, "syslog") { (text) throws(ValueError) in try CollectorURL(syslog: text) }
        let facility = optional(section, "facility") { (text) throws(ValueError) in
            try Configuration.SyslogFacility(text)
        }
        let tls = clientTLS(section)
        guard let url, let tls else { return nil }
        return Configuration.SyslogCollector(endpoint: url.endpoint, tls: tls, facility: facility ?? .local0)
    }

    private func otlpCollector(_ section: Section) -> Configuration.OTLPCollector? {
        let url = required(section, "otlp") { (text) throws(ValueError) in try CollectorURL(otlp: text) }
        let gzip = optional(section, "gzip", Self.flag)
        var batch = Configuration.OTLPCollector.Batch()
        batch.events = optional(section, "batch-events", Quantity.count) ?? batch.events
        batch.bytes =
            optional(section, "batch-bytes") { (text) throws(ValueError) in
                let bytes = try Quantity.sizeBytes(text)
                guard bytes <= ConfigurationLimits.otlpBatchBytesMax else {
                    throw ValueError("'\(text)' is too large: at most 16MiB")
                }
                return Int(clamping: bytes)
            } ?? batch.bytes
        batch.afterNs = optional(section, "batch-after", Quantity.positiveDurationNs) ?? batch.afterNs
        let concurrency = optional(section, "concurrency") { (text) throws(ValueError) in
            let count = try Quantity.count(text)
            guard count <= ConfigurationLimits.concurrencyMax else {
                throw ValueError("'\(text)' is too many: at most \(ConfigurationLimits.concurrencyMax)")
            }
            return count
        }
        let timeout = optional(section, "timeout", Quantity.positiveDurationNs)
        let headers = headers(section)
        guard let url, let headers else { return nil }
        if !url.isTLS {
            for key in Keys.tls where section.has(key) {
                report("is for https:// only", line: section.line(of: key), key: section.path(of: key))
            }
        }
        let tls = url.isTLS ? clientTLS(section) : nil
        if url.isTLS, tls == nil { return nil }
        return Configuration.OTLPCollector(
            endpoint: url.endpoint,
            path: url.path,
            tls: tls,
            headers: headers,
            usesGzip: gzip ?? true,
            batch: batch,
            concurrency: concurrency ?? 2,
            timeoutNs: timeout ?? 10_000_000_000
        )
    }

    private func clientTLS(_ section: Section) -> Configuration.ClientTLS? {
        let authority = required(section, "ca", fileName)
        let showsCertificate = section.has("certificate") || section.has("key")
        let certificate = showsCertificate ? required(section, "certificate", fileName) : nil
        let key = showsCertificate ? required(section, "key", fileName) : nil
        guard let authority else { return nil }
        guard showsCertificate else { return Configuration.ClientTLS(authorityFile: authority) }
        guard let certificate, let key else { return nil }
        return Configuration.ClientTLS(
            authorityFile: authority,
            certificate: .init(certificateFile: certificate, keyFile: key)
        )
    }

    private func headers(_ section: Section) -> [Configuration.OTLPCollector.Header]? {
        let path = section.path(of: "headers")
        guard let entries = entries(section, "headers") else { return nil }
        var headers: [Configuration.OTLPCollector.Header] = []
        for entry in entries {
            let text = value(entry.value, path: "\(path).\(entry.key)", Self.headerValue)
            guard Self.isHeaderName(entry.key) else {
                report("'\(entry.key)' is not the name of a header that may be given", line: entry.line, key: path)
                return nil
            }
            guard let text else { return nil }
            headers.append(.init(name: entry.key, value: text))
        }
        return headers
    }

    /// A token of RFC 9110, and none that is ours to set.
    private static func isHeaderName(_ name: String) -> Bool {
        let own = ["host", "content-type", "content-length", "content-encoding", "transfer-encoding", "connection"]
        return (1...128).contains(name.utf8.count) && !own.contains(name.lowercased())
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }

    private static func headerValue(_ text: String) throws(ValueError) -> String {
        guard text.utf8.count <= 8192, text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            throw ValueError("a header has at most 8192 visible ASCII characters")
        }
        return text
    }

    /// It stands in names of cursors, and in labels.
    private static func forwarderName(_ text: String) throws(ValueError) -> String {
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        guard isPlain, text.utf8.count <= ConfigurationLimits.nameBytesMax else {
            throw ValueError(
                "'\(text)' is not a name: letters, digits, '.', '-' and '_', "
                    + "at most \(ConfigurationLimits.nameBytesMax)"
            )
        }
        return text
    }

    private static func flag(_ text: String) throws(ValueError) -> Bool {
        switch text {
        case "true": return true
        case "false": return false
        default: throw ValueError("'\(text)' is not known: true or false is expected")
        }
    }
}

extension Configuration.SyslogFacility {
    /// Reads a facility's name.
    init(_ text: String) throws(ValueError) {
        guard let known = Self(rawValue: text) else {
            let names = Self.allCases.map(\.rawValue).joined(separator: " ")
            throw ValueError("'\(text)' is not a facility: one of \(names) is expected")
        }
        self = known
    }
}
