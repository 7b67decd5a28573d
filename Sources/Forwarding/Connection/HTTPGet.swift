package import ConfigurationFile
package import NIOCore
import NIOHTTP1

/// One request for what a server has, in the clear.
package enum HTTPGet {
    /// - Parameters:
    ///   - path: with its slash.
    ///   - bytesMax: a longer body is cut off.
    ///   - time: for the answer as a whole.
    /// - Returns: the body; fails, in words, where the server answers anything but 200.
    package static func body(
        _ endpoint: NetworkEndpoint,
        path: String,
        bytesMax: Int = 4 << 20,
        within time: TimeAmount,
        on loop: any EventLoop
    ) -> EventLoopFuture<[UInt8]> {
        let connection = HTTPConnection(keptBytesMax: bytesMax)
        var headers = HTTPHeaders()
        headers.add(name: "Host", value: "\(endpoint)")
        headers.add(name: "Connection", value: "close")
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: path, headers: headers)
        return CollectorConnection.open(endpoint, tls: nil, on: loop) { channel in
            try channel.pipeline.syncOperations.addHTTPClientHandlers()
            try channel.pipeline.syncOperations.addHandler(connection)
        }.flatMap { _ in
            connection.send(head, nil, within: time)
        }.flatMapThrowing { answer in
            guard answer.status == 200 else { throw CollectorError("\(answer.status) \(answer.reason)") }
            return answer.body
        }.flatMapErrorThrowing { error in
            throw (error as? HTTPConnection.Failure).map { CollectorError($0.reason) } ?? error
        }
    }
}
