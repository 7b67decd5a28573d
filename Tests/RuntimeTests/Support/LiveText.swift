/// Requests of an LTTng live viewer as they are sent, and how long their replies are, bytes.
enum LiveText {
    /// CONNECT as of minor version 4.
    static let connect = request(1, [UInt8](repeating: 0xFF, count: 8) + [0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 1])
    static let list = request(2, [])
    /// The session that holds the whole cluster, from the oldest that there is.
    static let attachCluster = request(3, number(1) + number(0) + [0, 0, 0, 1])
    /// Of that session.
    static let newStreams = request(7, number(1))
    static let createSession = request(8, [])
    /// What every viewer says first.
    static let opening = connect + createSession

    static let openingReplyBytes = 20 + 4
    /// With the cluster and one session.
    static let listReplyBytes = 4 + 2 * 339

    static func nextIndex(_ stream: UInt64) -> [UInt8] { request(4, number(stream)) }

    static func request(_ command: UInt8, _ payload: [UInt8]) -> [UInt8] {
        [0, 0, 0, 0, 0, 0, 0, UInt8(payload.count), 0, 0, 0, command, 0, 0, 0, 0] + payload
    }

    private static func number(_ value: UInt64) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }
}
