/// Replies to ATTACH, GET_NEW_STREAMS and DETACH.
extension Viewer {
    mutating func attachReplied(_ bytes: UnsafeRawBufferPointer, _ slot: Int) {
        let code = bytes.load(UInt32.self, at: 0)
        let count = bytes.load(UInt32.self, at: 4)
        guard let status = AttachStatus(rawValue: code) else { return fail(.unknownStatus(code)) }
        guard checkStreamCount(count, isSuccess: status == .ok) else { return }
        let result: AttachResult =
            switch status {
            case .ok: .attached(streamCount: count)
            case .alreadyHeld: .alreadyHeld
            case .unknownSession: .unknownSession
            case .notLive: .notLive
            case .seekRefused: .seekRefused
            case .noViewerSession: .noViewerSession
            }
        if case .attaching = attached[slot].state {
            actions.append(.attached(attached[slot].id, result))
            attached[slot].state = status == .ok ? .attached : .gone
            if status == .ok { roundIsOwed = true } else { slotOfSession[attached[slot].id] = nil }
        }
        nextStream(count, of: slot, isProof: false)
    }

    mutating func newStreamsReplied(_ bytes: UnsafeRawBufferPointer, _ slot: Int, now: UInt64) {
        let code = bytes.load(UInt32.self, at: 0)
        let count = bytes.load(UInt32.self, at: 4)
        guard let status = NewStreamsStatus(rawValue: code) else { return fail(.unknownStatus(code)) }
        guard checkStreamCount(count, isSuccess: status == .ok) else { return }
        if status == .noNew || status == .failed { roundProvesAll = false }
        if case .attached = attached[slot].state {
            switch status {
            case .ok: break
            case .noNew: actions.append(.newStreams(attached[slot].id, isProof: false))
            case .hungUp:
                actions.append(.newStreams(attached[slot].id, isProof: true))
                beginEnding(slot, now: now)
            case .failed:
                actions.append(.newStreams(attached[slot].id, isProof: false))
                attached[slot].endReason = .failed
                endSession(slot)
            }
        }
        nextStream(count, of: slot, isProof: status == .ok)
    }

    private mutating func checkStreamCount(_ count: UInt32, isSuccess: Bool) -> Bool {
        if !isSuccess, count != 0 {
            fail(.streamsWithoutSuccess(count))
        } else if count > limits.streamsPerReplyMax {
            fail(.exceeds(limit: UInt64(limits.streamsPerReplyMax), value: UInt64(count)))
        }
        return isOpen
    }

    /// - Parameters:
    ///   - count: streams that are still to come in this reply.
    ///   - isProof: the reply says that there are no streams but those listed.
    private mutating func nextStream(_ count: UInt32, of slot: Int, isProof: Bool) {
        entriesLeft = count
        if count > 0 {
            expectation = .stream
            return
        }
        if isProof, case .attached = attached[slot].state {
            actions.append(.newStreams(attached[slot].id, isProof: true))
        }
        finishReply()
        attached[slot].outstanding -= 1
        releaseSessionIfUnused(slot)
    }

    mutating func streamCame(_ bytes: UnsafeRawBufferPointer, _ request: SentRequest.Kind) {
        let slot: Int
        let isProof: Bool
        switch request {
        case .attach(let session): (slot, isProof) = (session, false)
        case .newStreams(let session): (slot, isProof) = (session, true)
        default: preconditionFailure("streams come in replies to ATTACH and GET_NEW_STREAMS")
        }
        let flag = bytes.load(UInt32.self, at: 16)
        guard flag <= 1 else { return fail(.exceeds(limit: 1, value: UInt64(flag))) }
        guard let path = bytes.part(20..<20 + WireSize.pathField).terminated(),
            let channel = bytes.part(20 + WireSize.pathField..<WireSize.stream).terminated()
        else { return fail(.missingTerminator) }
        if case .attached = attached[slot].state {
            addStream(
                LiveStream(
                    id: LiveStreamID(bytes.load(UInt64.self, at: 0)),
                    trace: LiveTraceID(bytes.load(UInt64.self, at: 8)),
                    isMetadata: flag == 1,
                    path: path.text,
                    channel: channel.text
                ),
                session: slot
            )
        }
        guard isOpen else { return }
        nextStream(entriesLeft - 1, of: slot, isProof: isProof)
    }

    mutating func detachReplied(_ bytes: UnsafeRawBufferPointer, _ slot: Int) {
        let code = bytes.load(UInt32.self, at: 0)
        guard DetachStatus(rawValue: code) != nil else { return fail(.unknownStatus(code)) }
        finishReply()
        slotOfSession[attached[slot].id] = nil
        if attached[slot].announcesDetach { actions.append(.detached(attached[slot].id)) }
        attached[slot].outstanding -= 1
        releaseSessionIfUnused(slot)
    }
}
