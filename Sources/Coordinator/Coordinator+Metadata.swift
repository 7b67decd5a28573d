import CTF
import EventMerge
import Feed
import LTTngLive

/// Metadata: from replies to programs.
extension Coordinator {
    mutating func metadataCame(_ link: RelayLink, _ found: RelayTrace, now: UInt64) {
        var trace = found
        stall.replied(link.frontier)
        let reply = trace.reply
        trace.reply.removeAll(keepingCapacity: true)
        guard !reply.isEmpty else { return }
        trace.receivedMetadataBytes += UInt64(reply.count)
        guard admits(metadataBytes: reply.count, link, now: now) else { return }
        takeMetadata(trace, reply)
        let revision = trace.programRevision
        let fault = read(reply, of: trace)
        let traceClass = trace.reader.traceClass
        if fault != nil || traceClass != nil { trace = identified(trace, traceClass?.uuid, link) }
        if let fault {
            isolate(trace, link, fault: fault, now: now)
            return
        }
        guard let program = trace.program, revision != trace.programRevision || !trace.mayCount else { return }
        if trace.session.domain == nil { trace.session.domain = SessionDomain(program.traceClass) }
        if trace.session.clockUUID == nil {
            trace.session.clockUUID = program.traceClass.clocks.lazy.compactMap(\.uuid).first
        }
        // Before any of its times is looked at.
        _ = traceClock(trace, link, now: now)
        if !trace.mayCount { rejoin(trace, link) }
        for stream in trace.streams {
            if let beacon = stream.earlyBeacon {
                stream.earlyBeacon = nil
                beaconCame(link, stream.id, cycles: beacon.cycles, streamClassID: beacon.streamClassID, now: now)
            }
            if stream.index != nil, stream.storage == nil { takeIndex(link, stream, now: now) }
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
        // A slow tracer sends the beginning alone: a trace without a stream class is one that waits.
        guard let traceClass = trace.reader.traceClass, !traceClass.streamClasses.isEmpty,
            trace.programRevision != trace.reader.revision
        else { return trace.programFault }
        trace.programRevision = trace.reader.revision
        trace.programFault = nil
        do {
            trace.program = try TraceProgram(traceClass)
            if traceClass.streamClasses.allSatisfy({ $0.defaultClock == nil }) {
                trace.programFault = "metadata: no stream has a clock"
            }
        } catch {
            trace.programFault = "metadata: \(error)"
        }
        return trace.programFault
    }

    /// A trace that has been isolated, or waited for too long, can be decoded from now on.
    private mutating func rejoin(_ trace: RelayTrace, _ link: RelayLink) {
        trace.fault = nil
        trace.isOverdue = false
        say(.info, link, "trace \(trace.declaration.path) can be decoded")
        for stream in trace.streams { readmit(stream) }
    }

    /// Declares the trace in the feed and passes its metadata on, but for what the feed has from an earlier connection.
    mutating func publishMetadata(_ trace: RelayTrace, _ reply: [UInt8]) {
        declare(trace)
        let knownBytes = trace.publishedBytes - min(trace.publishedBytes, trace.receivedBytes)
        trace.receivedBytes += UInt64(reply.count)
        guard UInt64(reply.count) > knownBytes else { return }
        var new = reply[Int(knownBytes)...]
        while !new.isEmpty {
            let piece = new.prefix(limits.metadataPieceBytes)
            records.append(.metadata(traceID: trace.declaration.id, bytes: Array(piece)))
            new = new.dropFirst(piece.count)
        }
        trace.publishedBytes = trace.receivedBytes
    }

    private mutating func declare(_ trace: RelayTrace) {
        guard !trace.isDeclared else { return }
        trace.isDeclared = true
        records.append(.trace(trace.declaration))
    }

    /// Declares the stream in the feed, before a record refers to it.
    mutating func declare(_ stream: RelayStream) {
        guard !stream.isDeclared else { return }
        declare(stream.trace)
        stream.isDeclared = true
        records.append(.stream(stream.declaration))
    }

    /// A trace that cannot be decoded costs itself only: its streams no longer count, and their packets are said to be
    /// lost.
    mutating func isolate(_ trace: RelayTrace, _ link: RelayLink, fault: String, now: UInt64) {
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
            if stream.index != nil, stream.storage == nil { takeIndex(link, stream, now: now) }
        }
    }
}
