/// When to ask for a trace's metadata.
///
/// It is asked for when its stream appears, and whenever an index reply of the trace is flagged. The request goes out
/// before any packet that the caller fetches then, so what a packet needs comes before it. The flag may stay up while
/// nothing can be had (after `lttng clear`): then attempts have growing pauses.
extension Viewer {
    /// The slot's metadata stream; 0 once it has ended.
    func metadataStreamID(_ trace: Int) -> LiveStreamID {
        traces[trace].metadataStream.map { streams[$0].id } ?? LiveStreamID(0)
    }

    /// An index reply of the trace said whether there is metadata that was not sent yet.
    mutating func metadataFlagged(_ trace: Int, _ isFlagged: Bool, now: UInt64) {
        traces[trace].isFlagged = isFlagged
        // A request on its way was sent before this reply came, but the relay answers it later: it will bring this,
        // too.
        if isFlagged, !traces[trace].isOutstanding { wantMetadata(trace) }
    }

    /// Has the metadata asked for, now or when its pause is over.
    mutating func wantMetadata(_ trace: Int) {
        guard !traces[trace].isWanted, traces[trace].metadataStream != nil else { return }
        traces[trace].isWanted = true
        wantedTraces.append(trace)
    }

    mutating func metadataDelivered(_ trace: Int, now: UInt64) {
        traces[trace].vainAttempts = 0
        traces[trace].pauseNs = 0
        traces[trace].askAt = now
        traces[trace].isNeeded = false
        if traces[trace].isDraining { wantMetadata(trace) }
    }

    /// OK without bytes, NO_NEW or ERR.
    mutating func metadataRefused(_ trace: Int, _ status: MetadataStatus, now: UInt64) {
        let state = traces[trace]
        traces[trace].vainAttempts += 1
        traces[trace].pauseNs = min(max(state.pauseNs * 2, times.metadataRetry), times.retryMax)
        traces[trace].askAt = now + traces[trace].pauseNs
        let hasAttempts = traces[trace].vainAttempts < limits.transientRetriesMax
        let isMissing = state.receivedBytes == 0 && state.dataStreamCount > 0
        switch status {
        case .ok: wantMetadata(trace)
        case .noNew where state.isDraining && !hasAttempts: endMetadata(trace, .hungUp)
        case .noNew:
            if state.isDraining || state.isFlagged || state.isNeeded || isMissing { wantMetadata(trace) }
        case .failed where state.isFlagged && !state.isDraining && hasAttempts: wantMetadata(trace)
        case .failed: endMetadata(trace, state.isDraining ? .hungUp : .failed)
        }
    }

    /// The trace's last data stream ended: its metadata is read to the end, by which the relay forgets it as well.
    mutating func drainMetadata(_ trace: Int) {
        if traces[trace].metadataStream == nil { return releaseTraceIfUnused(trace) }
        traces[trace].isDraining = true
        traces[trace].isFlagged = false
        traces[trace].vainAttempts = 0
        if !traces[trace].isOutstanding { wantMetadata(trace) }
    }

    private mutating func endMetadata(_ trace: Int, _ reason: StreamEnd) {
        guard let slot = traces[trace].metadataStream else { return }
        traces[trace].metadataStream = nil
        traces[trace].isWanted = false
        wantedTraces.removeAll { $0 == trace }
        actions.append(.streamEnded(streams[slot].id, reason))
        slotOfStream[streams[slot].id] = nil
        streams[slot].state = .ended
        releaseStreamIfUnused(slot)
        releaseTraceIfUnused(trace)
    }
}
