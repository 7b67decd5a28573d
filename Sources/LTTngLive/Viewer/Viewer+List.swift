/// Reading of LIST, in both layouts.
extension Viewer {
    mutating func listReplied(_ bytes: UnsafeRawBufferPointer) {
        let count = bytes.load(UInt32.self, at: 0)
        guard count <= limits.sessionsMax else {
            return fail(.exceeds(limit: UInt64(limits.sessionsMax), value: UInt64(count)))
        }
        nextSessions.removeAll(keepingCapacity: true)
        entriesLeft = count
        nextListEntry()
    }

    private mutating func nextListEntry() {
        if entriesLeft == 0 { return listCompleted() }
        entriesLeft -= 1
        expectation = .listEntry
    }

    mutating func listEntryCame(_ bytes: UnsafeRawBufferPointer) {
        if minor >= LiveVersion.longListMinor {
            let head = ListEntryHead(long: bytes)
            guard head.hostnameLength <= WireSize.hostnameField else {
                return fail(.exceeds(limit: UInt64(WireSize.hostnameField), value: UInt64(head.hostnameLength)))
            }
            guard head.nameLength <= WireSize.sessionNameField else {
                return fail(.exceeds(limit: UInt64(WireSize.sessionNameField), value: UInt64(head.nameLength)))
            }
            guard LiveTraceFormat(rawValue: head.format) != nil else { return fail(.unknownTraceFormat(head.format)) }
            if head.hostnameBytes + head.nameBytes > 0 {
                expectation = .listNames(head)
            } else {
                listNamesCame(bytes.part(0..<0), head)
            }
            return
        }
        let names = WireSize.listEntry - WireSize.hostnameField - WireSize.sessionNameField
        guard let hostname = bytes.part(names..<names + WireSize.hostnameField).terminated(),
            let name = bytes.part(names + WireSize.hostnameField..<WireSize.listEntry).terminated()
        else { return fail(.missingTerminator) }
        sessionListed(ListEntryHead(short: bytes), hostname: hostname, name: name)
    }

    mutating func listNamesCame(_ bytes: UnsafeRawBufferPointer, _ head: ListEntryHead) {
        sessionListed(
            head,
            hostname: bytes.part(0..<head.hostnameBytes),
            name: bytes.part(head.hostnameBytes..<head.hostnameBytes + head.nameBytes)
        )
    }

    /// Takes an entry over from the last list where it is the same, so that an unchanged list costs no strings.
    private mutating func sessionListed(
        _ head: ListEntryHead,
        hostname: UnsafeRawBufferPointer,
        name: UnsafeRawBufferPointer
    ) {
        let place = nextSessions.count
        if place < sessions.count, sessions[place].id == head.id, sessions[place].hostname.utf8.elementsEqual(hostname),
            sessions[place].name.utf8.elementsEqual(name)
        {
            nextSessions.append(sessions[place])
            nextSessions[place].liveTimerUs = head.liveTimerUs
            nextSessions[place].clientCount = head.clientCount
            nextSessions[place].streamCount = head.streamCount
            nextSessions[place].format = LiveTraceFormat(rawValue: head.format) ?? .ctf1
        } else {
            nextSessions.append(
                ListedSession(
                    id: head.id,
                    liveTimerUs: head.liveTimerUs,
                    clientCount: head.clientCount,
                    streamCount: head.streamCount,
                    hostname: hostname.text,
                    name: name.text,
                    format: LiveTraceFormat(rawValue: head.format) ?? .ctf1
                )
            )
        }
        nextListEntry()
    }

    private mutating func listCompleted() {
        // A relay that sent more streams than it announced shifts all that follows; what then looks like an empty
        // list must not be taken for one.
        guard position == inputCount || sent.count > 1 else { return fail(.unsolicitedBytes) }
        if !hasListed || nextSessions != sessions {
            var ids = Set<LiveSessionID>(minimumCapacity: nextSessions.count)
            for session in nextSessions where !ids.insert(session.id).inserted {
                return fail(.duplicateSession(session.id.rawValue))
            }
            hasListed = true
            swap(&sessions, &nextSessions)
            actions.append(.sessionsListed)
            updateLivePeriods()
        }
        finishReply()
        roundIsOutstanding = false
        unprovenPauseNs = roundProvesAll ? 0 : min(max(unprovenPauseNs * 2, times.metadataRetry), times.retryMax)
        endVanishedSessions()
        actions.append(.cycleCompleted(CycleProof(cycle: cycle, provesAllSessions: roundProvesAll)))
    }
}

/// The numbers of an entry of LIST.
struct ListEntryHead: BitwiseCopyable {
    var id: LiveSessionID
    var liveTimerUs: UInt32
    var clientCount: UInt32
    var streamCount: UInt32
    var hostnameLength: UInt32 = 0
    var nameLength: UInt32 = 0
    var format: UInt32 = 0

    var hostnameBytes: Int { Int(hostnameLength) }
    var nameBytes: Int { Int(nameLength) }

    init(short bytes: UnsafeRawBufferPointer) {
        id = LiveSessionID(bytes.load(UInt64.self, at: 0))
        liveTimerUs = bytes.load(UInt32.self, at: 8)
        clientCount = bytes.load(UInt32.self, at: 12)
        streamCount = bytes.load(UInt32.self, at: 16)
    }

    init(long bytes: UnsafeRawBufferPointer) {
        self.init(short: bytes)
        hostnameLength = bytes.load(UInt32.self, at: 20)
        nameLength = bytes.load(UInt32.self, at: 24)
        format = bytes.load(UInt32.self, at: 28)
    }
}
