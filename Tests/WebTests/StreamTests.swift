import ConfigurationFile
import NIOCore
import NIOPosix
import Testing

@testable import Runtime
@testable import Web

/// Answers that go on for as long as the client takes them.
@Suite(.timeLimit(.minutes(5)))
struct StreamTests {
    /// Answers with pieces.
    private struct Pieces: WebResource {
        let audience = WebAudience.viewers
        let body: @Sendable (inout WebStream) async throws -> Void

        func answer(_ request: WebRequest) async -> WebAnswer {
            WebAnswer(contentType: "text/plain", body: .stream(body))
        }
    }

    private struct Broken: Error {}

    private static var shortLimits: WebLimits {
        var limits = WebLimits()
        // Not so short that a busy machine has no time to ask.
        limits.answer = .milliseconds(1000)
        limits.idle = .milliseconds(1000)
        return limits
    }

    @Test
    func `a stream lasts longer than an answer may, and than a connection may be idle`() async throws {
        let resource = Pieces { stream in
            for number in 0..<10 {
                try await stream.write(Array("piece \(number)\n".utf8))
                try await Task.sleep(for: .milliseconds(150))
            }
        }
        try await RunningServer.with(resources: ["/all": resource], limits: Self.shortLimits) { server in
            let answer = try await server.ask("/all")
            #expect(answer.text.contains("piece 9\n") && answer.text.hasSuffix("0\r\n\r\n"))
        }
    }

    @Test
    func `who takes nothing is not waited for`() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let ended = loop.makePromise(of: Void.self)
        let resource = Pieces { stream in
            defer { ended.succeed() }
            while true { try await stream.write([UInt8](repeating: 0x61, count: 1 << 20)) }
        }
        try await RunningServer.with(resources: ["/all": resource], limits: Self.shortLimits) { server in
            let client = try await HTTPClient.connect(port: server.port)
            try await client.stopReading()
            client.say("GET /all HTTP/1.1\r\nHost: localhost\r\n\r\n")
            try await ended.futureResult.get()
            try? await client.close()
        }
    }

    @Test
    func `a stream that breaks has no end that could be taken for a whole`() async throws {
        let resource = Pieces { stream in
            try await stream.write(Array("begun\n".utf8))
            throw Broken()
        }
        try await RunningServer.with(resources: ["/all": resource]) { server in
            let answer = try await server.ask("/all")
            #expect(answer.text.contains("begun\n") && !answer.text.hasSuffix("0\r\n\r\n"))
        }
    }

    @Test
    func `a stream ends when its client may not have it any more`() async throws {
        let loopback = NetworkEndpoint(host: "127.0.0.1", port: 0)
        let token = "correct-horse-battery-staple"
        let resource = Pieces { stream in
            while true {
                try await stream.write(Array("piece\n".utf8))
                try await Task.sleep(for: .milliseconds(5))
            }
        }
        try await RunningServer.with(.init(listen: loopback, token: token), resources: ["/all": resource]) { server in
            let client = try await HTTPClient.connect(port: server.port)
            client.say("GET /all HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(token)\r\n\r\n")
            _ = try await client.until { $0.text.contains("piece\n") }
            let other = Configuration.HTTP(listen: loopback, token: "another-token-altogether")
            server.access.replace(try HTTPAccess.Grant(other, .unused, file: "test.yaml"))
            let answer = try await client.untilClosed()
            #expect(answer.status == 200 && !answer.text.hasSuffix("0\r\n\r\n"))
        }
    }

    @Test
    func `what lies below a path is answered by whom it names`() async throws {
        try await RunningServer.with(resources: ["/": Text("root"), "/part/": Text("below"), "/part": Text("itself")]) {
            server in
            for (path, text) in [
                ("/", "root"), ("/part", "itself"), ("/part/1.2", "below"), ("/part/", nil), ("/part/1/2", nil),
                ("/other", nil),
            ] {
                let answer = try await server.ask(path)
                #expect(text.map { answer.body == $0 + "\n" } ?? (answer.status == 404), "\(path): \(answer.text)")
            }
        }
    }
}
