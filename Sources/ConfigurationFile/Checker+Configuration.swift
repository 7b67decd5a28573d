// The file's keys, section by section, as the typed values of `Configuration`.

extension Checker {
    func configuration(_ root: YAMLValue) -> Configuration? {
        let keys = ["relays", "order", "feed", "log", "http", "live", "forward"]
        guard let file = section(root, path: "", keys: keys) else { return nil }
        let relays = relays(file)
        let order = order(file)
        let feed = feed(file)
        let log = log(file)
        let http = http(file)
        let live = live(file)
        let forward = forwarders(file)
        guard let relays, let order, let feed, let log, let forward else { return nil }
        return Configuration(
            relays: relays,
            order: order,
            feed: feed,
            log: log,
            http: http,
            live: live,
            forward: forward
        )
    }

    // MARK: Relays

    private func relays(_ file: Section) -> [Configuration.Relay]? {
        guard file.has("relays") else {
            report("is missing: at least one relay is needed", line: file.line, key: "relays")
            return nil
        }
        guard let elements = list(file, "relays") else { return nil }
        if elements.isEmpty {
            report("is empty: at least one relay is needed", line: file.line(of: "relays"), key: "relays")
            return nil
        }
        var relays: [Configuration.Relay?] = []
        var lines: [String: Int] = [:]
        for element in elements {
            let relay = relay(element.value, element.path, &lines)
            relays.append(relay)
        }
        let complete = relays.compactMap(\.self)
        return complete.count == relays.count ? complete : nil
    }

    /// - Parameter lines: where the names so far were given.
    private func relay(_ value: YAMLValue, _ path: String, _ lines: inout [String: Int]) -> Configuration.Relay? {
        let keys = ["name", "url", "sessions", "from", "clock-offset", "clock", "ca", "certificate", "key"]
        guard let section = section(value, path: path, keys: keys) else { return nil }
        let name = required(section, "name", Self.relayName)
        if let name {
            if let first = lines[name] {
                report(
                    "'\(name)' is the name of the relay in line \(first) too",
                    line: section.line(of: "name"),
                    key: path + ".name"
                )
            }
            lines[name] = lines[name] ?? section.line(of: "name")
        }
        let url = required(section, "url") { (text) throws(ValueError) in try SourceURL(text) }
        let sessions = globs(section, "sessions")
        let from = optional(section, "from") { (text) throws(ValueError) in try Configuration.Start(text) }
        let offset = optional(section, "clock-offset", Quantity.durationNs)
        let clock = optional(section, "clock") { (text) throws(ValueError) in try Configuration.Clock(text) }
        if case .relay(_, session: .some) = url, section.has("sessions") {
            report(
                "the url names one session already",
                line: section.line(of: "sessions"),
                key: path + ".sessions"
            )
        }
        let credentials = credentials(section, url)
        guard let name, let url, let sessions else { return nil }
        return Configuration.Relay(
            name: name,
            url: url,
            sessions: sessions,
            from: from ?? .beginning,
            clockOffsetNs: offset ?? 0,
            clock: clock ?? .reported,
            credentials: credentials
        )
    }

    /// Needed for `tls://`, and for nothing else.
    private func credentials(_ section: Section, _ url: SourceURL?) -> Configuration.Credentials? {
        guard let url else { return nil }  // reported already, or not known
        guard case .coordinator = url else {
            for key in ["ca", "certificate", "key"] where section.has(key) {
                report("is for tls:// only", line: section.line(of: key), key: section.path(of: key))
            }
            return nil
        }
        // A feed is taken whole, in the order and with the times that it has.
        for key in ["sessions", "clock-offset", "clock"] where section.has(key) {
            report("is for net:// only", line: section.line(of: key), key: section.path(of: key))
        }
        let authority = required(section, "ca", fileName)
        let certificate = required(section, "certificate", fileName)
        let key = required(section, "key", fileName)
        guard let authority, let certificate, let key else { return nil }
        return Configuration.Credentials(authorityFile: authority, certificateFile: certificate, keyFile: key)
    }

    private static func relayName(_ text: String) throws(ValueError) -> String {
        let isPlain = text.unicodeScalars.allSatisfy { scalar in
            scalar.value > 0x20 && scalar.value != 0x7F && scalar != "/" && !scalar.properties.isWhitespace
                && scalar.properties.generalCategory != .control
        }
        guard isPlain, text.utf8.count <= ConfigurationLimits.nameBytesMax else {
            throw ValueError(
                "'\(text)' is not a name: no spaces and no '/', at most \(ConfigurationLimits.nameBytesMax) bytes"
            )
        }
        return text
    }

    // MARK: The other sections

    private func order(_ file: Section) -> Configuration.Order? {
        guard file.has("order") else { return Configuration.Order() }
        guard let section = section(file, "order", keys: ["stall-after", "messages"]) else { return nil }
        let limit = optional(section, "stall-after") { (text) throws(ValueError) in
            try Configuration.StallLimit(text)
        }
        let elements = section.has("messages") ? list(section, "messages")?.map { messages($0.value, $0.path) } : []
        guard let elements else { return nil }
        let rules = elements.compactMap(\.self)
        guard rules.count == elements.count else { return nil }
        if rules.count > ConfigurationLimits.messagesMax {
            report(
                "at most \(ConfigurationLimits.messagesMax) are allowed",
                line: section.line(of: "messages"),
                key: "order.messages"
            )
            return nil
        }
        return Configuration.Order(stallAfter: limit ?? Configuration.Order().stallAfter, messages: rules)
    }

    private func messages(_ value: YAMLValue, _ path: String) -> Configuration.Messages? {
        guard let section = section(value, path: path, keys: ["send", "receive", "by"]) else { return nil }
        let send = required(section, "send", Self.eventName)
        let receive = required(section, "receive", Self.eventName)
        let by = required(section, "by", Self.eventName)
        guard let send, let receive, let by else { return nil }
        if send == receive {
            report(
                "is the event that is sent, too: one event cannot be both",
                line: section.line(of: "receive"),
                key: path + ".receive"
            )
            return nil
        }
        return Configuration.Messages(send: send, receive: receive, by: by)
    }

    private static func eventName(_ text: String) throws(ValueError) -> String {
        guard text.utf8.count <= ConfigurationLimits.nameBytesMax else {
            throw ValueError("a name has at most \(ConfigurationLimits.nameBytesMax) bytes")
        }
        return text
    }

    private func feed(_ file: Section) -> Configuration.Feed? {
        guard file.has("feed") else {
            report("is missing: who may read the feed, and where", line: file.line, key: "feed")
            return nil
        }
        let keys = [
            "listen", "certificate", "key", "client-ca", "allow", "limits", "certificates", "crl", "tls-version",
        ]
        guard let section = section(file, "feed", keys: keys) else { return nil }
        let listen = required(section, "listen", Self.listenAddress)
        let certificate = required(section, "certificate", fileName)
        let key = required(section, "key", fileName)
        let authority = required(section, "client-ca", fileName)
        let allow = elements(section, "allow") { allowRule($0, $1) }
        let certificates = elements(section, "certificates") { serverCertificate($0, $1) }
        let lists = elements(section, "crl") { value($0, path: $1, fileName) }
        let version = optional(section, "tls-version") { (text) throws(ValueError) in
            try Configuration.TLSVersion(text)
        }
        let limits = limits(section)
        guard let listen, let certificate, let key, let authority, let allow, let limits, let certificates, let lists
        else { return nil }
        return Configuration.Feed(
            listen: listen,
            certificateFile: certificate,
            keyFile: key,
            clientAuthorityFile: authority,
            allow: allow,
            limits: limits,
            certificates: certificates,
            revocationListFiles: lists,
            tlsVersion: version ?? .v13
        )
    }

    private func serverCertificate(_ value: YAMLValue, _ path: String) -> Configuration.ServerCertificate? {
        guard let section = section(value, path: path, keys: ["certificate", "key"]) else { return nil }
        let certificate = required(section, "certificate", fileName)
        let key = required(section, "key", fileName)
        guard let certificate, let key else { return nil }
        return Configuration.ServerCertificate(certificateFile: certificate, keyFile: key)
    }

    private func limits(_ feed: Section) -> Configuration.Limits? {
        guard feed.has("limits") else { return Configuration.Limits() }
        guard let section = section(feed, "limits", keys: ["connections", "bytes-per-second", "buffer"]) else {
            return nil
        }
        let connections = optional(section, "connections", Quantity.count)
        let bytes = optional(section, "bytes-per-second", Quantity.sizeBytes)
        let buffer = optional(section, "buffer", Quantity.sizeBytes)
        var limits = Configuration.Limits()
        limits.connections = connections ?? limits.connections
        limits.bytesPerSecond = bytes.map { Int(clamping: $0) }
        limits.bufferBytes = buffer.map { Int(clamping: $0) } ?? limits.bufferBytes
        return limits
    }

    private func allowRule(_ value: YAMLValue, _ path: String) -> Configuration.AllowRule? {
        guard let section = section(value, path: path, keys: ["identity", "relays", "hosts", "sessions", "events"])
        else {
            return nil
        }
        let identity = required(section, "identity") { (text) throws(ValueError) in Glob(text) }
        let (relays, hosts, sessions) = (globs(section, "relays"), globs(section, "hosts"), globs(section, "sessions"))
        let events = globs(section, "events")
        guard let identity, let relays, let hosts, let sessions, let events else { return nil }
        return Configuration.AllowRule(
            identity: identity,
            relays: relays,
            hosts: hosts,
            sessions: sessions,
            events: events
        )
    }

    private func log(_ file: Section) -> Configuration.Log? {
        guard file.has("log") else { return Configuration.Log() }
        let keys = ["directory", "retain-bytes", "retain-age", "sync"]
        guard let section = section(file, "log", keys: keys) else { return nil }
        let directory = optional(section, "directory", fileName)
        let bytes = optional(section, "retain-bytes", Quantity.sizeBytes)
        let age = optional(section, "retain-age", Quantity.positiveDurationNs)
        let sync = optional(section, "sync") { (text) throws(ValueError) in try Configuration.Log.Sync(text) }
        if !section.has("directory") {
            for (key, isGiven) in [("retain-age", age != nil), ("sync", sync != nil)] where isGiven {
                report("is for a log on disk only: log.directory", line: section.line(of: key), key: "log." + key)
            }
        }
        return Configuration.Log(
            directory: directory,
            retainBytes: bytes,
            retainAgeNs: age,
            sync: sync ?? .never
        )
    }

    private func http(_ file: Section) -> Configuration.HTTP? {
        let keys = ["listen", "certificate", "key", "client-ca", "crl", "token"]
        guard let section = section(file, "http", keys: keys) else { return nil }
        let listen = required(section, "listen", Self.listenAddress)
        let isTLS = section.has("certificate") || section.has("key")
        let certificate = isTLS ? required(section, "certificate", fileName) : nil
        let key = isTLS ? required(section, "key", fileName) : nil
        let authority = optional(section, "client-ca", fileName)
        let lists = elements(section, "crl") { value($0, path: $1, fileName) }
        let token = optional(section, "token", Self.token)
        func refuse(_ key: String, _ message: String) {
            report(message, line: section.line(of: key), key: section.path(of: key))
        }
        if section.has("client-ca"), !isTLS { refuse("client-ca", "is for TLS only: needs certificate and key") }
        if section.has("crl"), !section.has("client-ca") { refuse("crl", "is for client-ca only") }
        if section.has("client-ca"), section.has("token") {
            refuse("token", "clients show a certificate (client-ca) or a token, not both")
        }
        if let listen, !listen.isLoopback {
            if !isTLS { refuse("listen", "is not loopback: that needs TLS, by certificate and key") }
            if !section.has("client-ca"), !section.has("token") {
                refuse("listen", "is not loopback: clients have to show a certificate (client-ca) or a token")
            }
        }
        guard let listen, let lists else { return nil }
        let pair: Configuration.ServerCertificate? =
            if let certificate, let key { .init(certificateFile: certificate, keyFile: key) } else { nil }
        return Configuration.HTTP(
            listen: listen,
            certificate: pair,
            clientAuthorityFile: authority,
            revocationListFiles: lists,
            token: token
        )
    }

    /// What may stand behind `Authorization: Bearer`, and cannot be guessed.
    private static func token(_ text: String) throws(ValueError) -> String {
        guard (16...1024).contains(text.utf8.count), text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw ValueError("a token has 16 to 1024 visible ASCII characters, and no spaces")
        }
        return text
    }

    /// The protocol has neither encryption nor identities, so another address than loopback has to be meant.
    private func live(_ file: Section) -> Configuration.Live? {
        guard let section = section(file, "live", keys: ["listen", "exposed", "viewers", "memory"]) else { return nil }
        let listen = required(section, "listen", Self.listenAddress)
        let viewers = optional(section, "viewers", Quantity.count)
        let memory = optional(section, "memory", Quantity.sizeBytes)
        let isExposed = optional(section, "exposed", Self.choice) ?? false
        guard let listen else { return nil }
        if !listen.isLoopback, !isExposed {
            report(
                "is not loopback: whoever can connect sees the whole feed, unencrypted; exposed: true allows it",
                line: section.line(of: "listen"),
                key: section.path(of: "listen")
            )
        }
        var live = Configuration.Live(listen: listen)
        live.viewers = viewers ?? live.viewers
        live.memoryBytes = memory.map { Int(clamping: $0) } ?? live.memoryBytes
        return live
    }

    private static func choice(_ text: String) throws(ValueError) -> Bool {
        switch text {
        case "true": return true
        case "false": return false
        default: throw ValueError("'\(text)' is neither true nor false")
        }
    }

    private static func listenAddress(_ text: String) throws(ValueError) -> NetworkEndpoint {
        try NetworkEndpoint(listening: text)
    }
}
