import LTTngLive
import SimulatedRelay

/// A viewer's connection on which a test asks what it likes, right or wrong.
final class HandViewer {
    private(set) var relay: SimulatedRelay
    private let connection: RelayConnectionID?
    var nowNs: UInt64 = 0

    init(_ script: RelayScript, minor: UInt32 = 15) {
        relay = SimulatedRelay(script)
        connection = relay.connected(nowNs: 0)
        _ = ask(1, HandRequest.words(0) + [2, minor, 1])
    }

    /// Creates a viewer session and attaches.
    func attach(_ session: UInt64, seek: UInt32 = 1) -> AttachStatus? {
        _ = ask(8, [])
        return AttachStatus(rawValue: HandRequest.number(ask(3, HandRequest.words(session) + [0, 0, seek]), 0))
    }

    /// The reply's bytes, as they are at the current time.
    func ask(_ command: UInt32, _ payload: [UInt32]) -> [UInt8] {
        guard let connection else { return [] }
        HandRequest.bytes([HandRequest.of(command, payload)]).withUnsafeBytes {
            relay.received($0, on: connection, nowNs: nowNs)
        }
        return relay.takeOutput(connection) { Array($0) }
    }

    func nextIndex(_ stream: UInt64) -> (status: IndexStatus?, flags: ReplyFlags) {
        let reply = ask(4, HandRequest.words(stream))
        return (
            IndexStatus(rawValue: HandRequest.number(reply, 56)),
            ReplyFlags(rawValue: HandRequest.number(reply, 60))
        )
    }

    func newStreams(_ session: UInt64) -> (status: NewStreamsStatus?, count: UInt32) {
        let reply = ask(7, HandRequest.words(session))
        return (NewStreamsStatus(rawValue: HandRequest.number(reply, 0)), HandRequest.number(reply, 4))
    }

    var isClosing: Bool { connection.map { relay.isClosing($0) } ?? true }

    func connect(from port: UInt16?) -> Bool { relay.connected(from: port, nowNs: nowNs) != nil }
}

/// Requests and replies as numbers.
enum HandRequest {
    static func words(_ number: UInt64) -> [UInt32] {
        [UInt32(number >> 32), UInt32(truncatingIfNeeded: number)]
    }

    /// A request of 32-bit numbers: the size of what follows, the command, its version.
    static func of(_ command: UInt32, _ payload: [UInt32]) -> [UInt32] {
        words(UInt64(payload.count * 4)) + [command, 0] + payload
    }

    static func bytes(_ requests: [[UInt32]]) -> [UInt8] {
        requests.joined().flatMap { number in (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) } }
    }

    /// A 32-bit number of a reply; all ones where the reply is too short.
    static func number(_ reply: [UInt8], _ offset: Int) -> UInt32 {
        guard reply.count >= offset + 4 else { return .max }
        return reply[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }
}
