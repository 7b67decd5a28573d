import CTF
import EventMerge
import Feed
import LTTngLive

/// Metadata: from replies to programs.
extension Coordinator {
    mutating func metadataCame(_ link: RelayLink, _ trace: RelayTrace) {
        stall.replied(link.frontier)
        let reply = trace.reply
        trace.reply.removeAll(keepingCapacity: true)
        guard !reply.isEmpty else { return }
        publishMetadata(trace, reply)
        let revision = trace.programRevision
        if let fault = read(reply, of: trace) {
            isolate(trace, link, fault: "metadata: \(fault)")
            return
        }
        guard let program = trace.program, revision != trace.programRevision || trace.fault != nil else { return }
        if trace.session.domain == nil { trace.session.domain = SessionDomain(program.traceClass) }
        if trace.fault != nil { rejoin(trace, link) }
        for stream in trace.streams {
            if let beacon = stream.earlyBeacon {
                stream.earlyBeacon = nil
                beaconCame(link, stream.id, cycles: beacon.cycles, streamClassID: beacon.streamClassID)
            }
            if stream.index != nil, stream.storage == nil { takeIndex(link, stream) }
        }
    }

    /// Reads a reply, and makes the trace's program anew where its class has changed.
    /// - Returns: why the trace cannot be decoded with what has come by now; nil where it can, or lacks its beginning.
    private func read(_ reply: [UInt8], of trace: RelayTrace) -> String? {
        do throws(MetadataError) {
            // Untyped rethrows would lose the error's type.
            try reply.withUnsafeBytes { bytes in
                Result { () throws(MetadataError) in try trace.reader.append(bytes) }
            }.get()
        } catch {
            return "\(error)"
        }
        guard let traceClass = trace.reader.traceClass, trace.programRevision != trace.reader.revision else {
            return trace.programFault
        }
        trace.programRevision = trace.reader.revision
        trace.programFault = nil
        do {
            trace.program = try TraceProgram(traceClass)
            let classes = traceClass.streamClasses
            let hasNoClock = !classes.isEmpty && classes.allSatisfy { $0.defaultClock == nil }
            if hasNoClock { trace.programFault = "no stream has a clock" }
        } catch {
            trace.programFault = "\(error)"
        }
        return trace.programFault
    }

    /// A trace that has been isolated can be decoded from now on.
    private mutating func rejoin(_ trace: RelayTrace, _ link: RelayLink) {
        trace.fault = nil
        say(.info, link, "trace \(trace.declaration.path) can be decoded again")
        for stream in trace.streams where stream.frontier == nil && !stream.hasEnded {
            stream.frontier = frontier.addStream(trace.session.frontier)
            count(stream, by: 1)
        }
    }

    /// Declares the trace in the feed and passes its metadata on, but for what the feed has from an earlier connection.
    mutating func publishMetadata(_ trace: RelayTrace, _ reply: [UInt8]) {
        if !trace.isDeclared {
            trace.isDeclared = true
            records.append(.trace(trace.declaration))
        }
        let knownBytes = trace.publishedBytes - min(trace.publishedBytes, trace.receivedBytes)
        trace.receivedBytes += UInt64(reply.count)
        guard UInt64(reply.count) > knownBytes else { return }
        records.append(.metadata(traceID: trace.declaration.id, bytes: Array(reply[Int(knownBytes)...])))
        trace.publishedBytes = trace.receivedBytes
    }

    /// A trace that cannot be decoded costs itself only: its streams no longer count, and their packets are said to be
    /// lost.
    mutating func isolate(_ trace: RelayTrace, _ link: RelayLink, fault: String) {
        guard trace.fault == nil else { return }
        trace.fault = fault
        let session = trace.session.listed
        let place = "trace \(trace.declaration.path) of session \(session.hostname)/\(session.name)"
        say(.error, link, "\(place) cannot be decoded: \(fault)")
        if report.damaged.count < limits.reportedFaultsMax {
            report.damaged.append("\(link.source.name): \(place): \(fault)")
        }
        for stream in trace.streams {
            isolate(stream)
            if stream.index != nil, stream.storage == nil { takeIndex(link, stream) }
        }
    }
}
