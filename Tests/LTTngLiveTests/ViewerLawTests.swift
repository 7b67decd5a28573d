import LTTngLive
import Testing

/// What holds for any conversation, however its bytes arrive.
struct ViewerLawTests {
    /// A conversation with a bit of everything.
    private func script(minor: UInt32) -> RelayDouble {
        var relay = oneStreamRelay(minor: minor)
        relay.sessions.append(.test(2, timerUs: 0))
        relay.sessions.append(.test(3, timerUs: 200_000))
        relay.streams[LiveSessionID(3)] = [.metadata(32, trace: 3), .data(31, trace: 3)]
        relay.metadata[LiveStreamID(32)] = [(.noNew, []), (.ok, Array(0...255))]
        relay.metadata[metadata1]?.append((.ok, Array("event { };".utf8)))
        relay.indexes[stream1] = [
            .packet(.test(bytes: 3000)), .beacon(100), .packet(.test(offset: 3000), flags: .newMetadata),
            .status(.retry, flags: [.newStreams, .newMetadata]), .status(.hungUp),
        ]
        relay.indexes[LiveStreamID(31)] = [.packet(.test(bytes: 20_000)), .beacon(7), .status(.failed)]
        relay.packets[LiveStreamID(31)] = [.bytes, .status(.retry), .bytes, .bytes]
        relay.newStreams[session1] = [
            .status(.noNew), .ok([.data(21, trace: 2), .metadata(22, trace: 2)]), .status(.hungUp),
        ]
        relay.indexes[LiveStreamID(21)] = [.packet(.test(bytes: 1)), .status(.hungUp)]
        return relay
    }

    private func outcome(minor: UInt32, pieces: [Int]?) throws -> ([Observed], [LiveRequest]) {
        var limits = LiveLimits()
        limits.packetSliceBytes = 4096
        limits.packetBytesOutstandingMax = 8192
        let conversation = Conversation(script(minor: minor), limits: limits)
        conversation.pieces = pieces
        try conversation.run(forNs: 3_000_000_000)
        #expect(conversation.failure == nil)
        return (conversation.seen, conversation.relay.log.map(\.request))
    }

    @Test(arguments: [4, 15] as [UInt32])
    func `any split of the input gives the same actions and requests`(minor: UInt32) throws {
        let whole = try outcome(minor: minor, pieces: nil)
        #expect(whole.0.contains(.action(.sessionEnded(session1, .hungUp))))
        var numbers = SeededNumbers(state: 7)
        for round in 0..<7 {
            // One byte at a time in the last round, but through the bulk of the payload with larger steps.
            let pieces =
                round < 6
                ? (0..<40).map { _ in Int.random(in: 1...(round < 3 ? 97 : 9000), using: &numbers) }
                : Array(repeating: 1, count: 30_000) + [200_000]
            let split = try outcome(minor: minor, pieces: pieces)
            #expect(split.0 == whole.0)
            #expect(split.1 == whole.1)
        }
    }

    @Test func `a conversation byte by byte gives the same actions`() throws {
        func outcome(pieces: [Int]?) throws -> [Observed] {
            let conversation = Conversation(oneStreamRelay())
            conversation.pieces = pieces
            conversation.relay.indexes[stream1] = [.packet(.test(bytes: 300)), .beacon(3), .status(.hungUp)]
            conversation.relay.newStreams[session1] = [.ok([]), .status(.hungUp)]
            try conversation.run(forNs: 1_000_000_000)
            return conversation.seen
        }
        #expect(try outcome(pieces: [1]) == outcome(pieces: nil))
    }

    @Test func `payload pieces tile the payload in order`() throws {
        let conversation = Conversation(oneStreamRelay())
        conversation.pieces = [7, 1, 64]
        conversation.relay.indexes[stream1] = [.packet(.test(offset: 512, bytes: 5000))]
        try conversation.run(forNs: 10_000_000)
        let expected = (512..<5512).map { RelayDouble.fileByte(stream1, $0) }
        #expect(conversation.seen.contains(.packet(stream1, offset: 0, bytes: expected)))
    }

    @Test func `any damage to the replies ends in a failure or in silence, never in a trap`() throws {
        var numbers = SeededNumbers(state: 42)
        var failures = 0
        for _ in 0..<400 {
            let conversation = Conversation(oneStreamRelay(minor: Bool.random(using: &numbers) ? 15 : 4))
            conversation.relay.indexes[stream1] = [.packet(.test(bytes: 50)), .beacon(3)]
            conversation.relay.newStreams[session1] = [.ok([.data(21, trace: 2)])]
            let turnToDamage = Int.random(in: 0..<8, using: &numbers)
            let damage = Damage.allCases.randomElement(using: &numbers) ?? .flip
            try conversation.runDamaged(turn: turnToDamage, damage: damage, numbers: &numbers)
            if conversation.failure != nil { failures += 1 }
            #expect(conversation.viewer.tableSizes.streams <= 16)
        }
        #expect(failures > 100)
    }

    @Test func `noise in the place of any reply never traps`() throws {
        var numbers = SeededNumbers(state: 43)
        for _ in 0..<2000 {
            var viewer = Viewer()
            viewer.connected(now: 0)
            viewer.flush(now: 0)
            // A right start in half of the cases, then noise that is mostly zeros, as replies are.
            var bytes: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 15, 0, 0, 0, 0, 0, 0, 0, 1]
            if Bool.random(using: &numbers) { bytes[15] = 4 }
            for _ in 0..<Int.random(in: 0..<3000, using: &numbers) {
                bytes.append(numbers.next() % 4 == 0 ? UInt8(truncatingIfNeeded: numbers.next()) : 0)
            }
            var now: UInt64 = 0
            var rest = bytes[...]
            while !rest.isEmpty {
                let piece = Array(rest.prefix(Int.random(in: 1...200, using: &numbers)))
                rest = rest.dropFirst(piece.count)
                now += 1_000_000
                piece.withUnsafeBytes { viewer.received($0, now: now) }
                var actions: [ViewerAction] = []
                viewer.takeActions(into: &actions)
                for case .sessionsListed in actions {
                    for session in viewer.sessions { viewer.attach(session.id, from: .beginning) }
                }
                viewer.flush(now: now)
                viewer.takeOutput { _ in }
            }
        }
    }
}

enum Damage: CaseIterable {
    case flip, cut, insert, repeated, zeros, ones
}

extension Conversation {
    /// As `run`, with the reply of one turn damaged.
    func runDamaged(turn damagedTurn: Int, damage: Damage, numbers: inout SeededNumbers) throws {
        for turn in 0..<40 where failure == nil {
            endTurn()
            var request: [UInt8] = []
            viewer.takeOutput { request = Array($0) }
            if !request.isEmpty { try relay.received(request, now: now) }
            var reply: [UInt8] = []
            relay.server.takeOutput { reply = Array($0) }
            if turn == damagedTurn, !reply.isEmpty {
                let place = Int.random(in: 0..<reply.count, using: &numbers)
                let end = min(reply.count, place + Int.random(in: 1...12, using: &numbers))
                switch damage {
                case .flip: reply[place] ^= UInt8(truncatingIfNeeded: numbers.next() | 1)
                case .cut: reply.removeSubrange(place..<end)
                case .insert: reply.insert(contentsOf: (place..<end).map { UInt8(truncatingIfNeeded: $0) }, at: place)
                case .repeated: reply.insert(contentsOf: reply[place..<end], at: place)
                case .zeros: for index in place..<end { reply[index] = 0 }
                case .ones: for index in place..<end { reply[index] = 255 }
                }
            }
            if !reply.isEmpty {
                now += 100_000
                deliver(reply)
            } else if let next = timer {
                now = max(now, next)
                timer = nil
                viewer.timerFired(now: now)
                react(to: [])
            }
        }
    }
}
