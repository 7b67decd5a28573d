/// What always holds, for tests; and the machine's state, for people.
extension Viewer {
    /// How much the tables hold, for tests and metrics. `places`: used and vacant, of all three.
    package var tableSizes: (sessions: Int, traces: Int, streams: Int, places: Int) {
        (
            attached.count, traces.count, streams.count,
            attached.indices.count + traces.indices.count + streams.indices.count
        )
    }

    /// Requests sent and not answered, at most `LiveLimits.requestsOutstandingMax`.
    package var requestsOutstanding: Int { sent.count }

    /// The state in one line.
    package var stateDescription: String {
        "\(state), minor \(minor), \(sessions.count) listed, \(attached.count) attached, \(streams.count) streams, "
            + "\(sent.count) requests and \(packetBytesOutstanding) packet bytes on their way, cycle \(cycle)"
    }

    /// Traps when the tables contradict each other.
    /// - Complexity: O(streams + requests).
    package func checkInvariants() {
        var ofStream = [Int](repeating: 0, count: streams.indices.count)
        var ofSession = [Int](repeating: 0, count: attached.indices.count)
        var ofTrace = [Int](repeating: 0, count: traces.indices.count)
        var packetBytes: UInt64 = 0
        for index in 0..<sent.count {
            switch sent[index].kind {
            case .connect, .createViewerSession, .list: break
            case .attach(let slot), .detach(let slot), .newStreams(let slot): ofSession[slot] += 1
            case .nextIndex(let slot): ofStream[slot] += 1
            case .packet(let slot, let slice):
                ofStream[slot] += 1
                packetBytes += UInt64(slice.length)
            case .metadata(let slot): ofTrace[slot] += 1
            }
        }
        for delayed in delayedSlices { ofStream[delayed.stream] += 1 }
        precondition(packetBytes == packetBytesOutstanding)
        precondition(packetBytes <= limits.packetBytesOutstandingMax)
        checkStreams(outstanding: ofStream)
        checkTraces(outstanding: ofTrace)
        for slot in attached.indices {
            precondition(attached[slot].isVacant ? ofSession[slot] == 0 : attached[slot].outstanding == ofSession[slot])
        }
    }

    private func checkStreams(outstanding: [Int]) {
        var known = 0
        for slot in streams.indices {
            let stream = streams[slot]
            if stream.isVacant {
                precondition(outstanding[slot] == 0)
                continue
            }
            precondition(stream.outstanding == outstanding[slot])
            switch stream.state {
            case .ended:
                precondition(slotOfStream[stream.id] != slot)
                continue
            case .ready, .indexed, .metadata: precondition(stream.outstanding == 0)
            case .asked: precondition(stream.outstanding == 1)
            case .fetching: precondition(stream.fetchMissing > 0 || stream.fetchFailed)
            }
            known += 1
            precondition(slotOfStream[stream.id] == slot)
            precondition(!traces[stream.trace].isVacant && traces[stream.trace].session == stream.session)
        }
        precondition(known == slotOfStream.count)
    }

    private func checkTraces(outstanding: [Int]) {
        var dataStreams = [Int](repeating: 0, count: traces.indices.count)
        for slot in streams.indices where !streams[slot].isVacant {
            switch streams[slot].state {
            case .ready, .asked, .indexed, .fetching: dataStreams[streams[slot].trace] += 1
            case .metadata: precondition(traces[streams[slot].trace].metadataStream == slot)
            case .ended: break
            }
        }
        for slot in traces.indices where !traces[slot].isVacant {
            precondition(outstanding[slot] == (traces[slot].isOutstanding ? 1 : 0))
            precondition(traces[slot].dataStreamCount == dataStreams[slot])
            precondition(traces[slot].isWanted == wantedTraces.contains(slot))
            precondition(!traces[slot].isWanted || traces[slot].metadataStream != nil)
        }
    }
}
