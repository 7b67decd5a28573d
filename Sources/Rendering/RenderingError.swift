package import CTF

/// An event or a packet context that cannot be decoded: which one, and why. Everything before it has been rendered.
package struct RenderingError: Error, Sendable, Equatable {
    /// The relay's name; empty for directories.
    package var relay: String
    package var host: String
    package var session: String
    /// The trace's path below the session.
    package var tracePath: String
    /// The relay's number of the stream.
    package var liveStreamID: UInt64
    package var channel: String
    /// The packet's number in the feed.
    package var packetID: UInt64
    /// Where a stored packet begins, bytes from its file's start.
    package var fileOffset: UInt64?
    /// What is wrong, and where in the packet.
    package var cause: PacketError
}

extension RenderingError: CustomStringConvertible {
    /// For people and terminals.
    package var description: String {
        let place = [relay, host, session, tracePath].filter { !$0.isEmpty }.joined(separator: " ")
        let packet =
            fileOffset.map { "stream \(channel), packet at byte \($0)" }
            ?? "stream \(liveStreamID) (\(channel)), packet \(packetID) of the feed"
        return terminalSafe("\(place): \(packet): \(cause.description)")
    }
}

/// `text` without control characters, which a terminal would obey: names in notices come from traced hosts.
package func terminalSafe(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.filter { $0.properties.generalCategory != .control }))
}
