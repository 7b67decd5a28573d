import NIOCore
import Testing

@testable import Web

/// What is answered to whom, on real sockets.
@Suite(.timeLimit(.minutes(5)))
struct RequestTests {
    @Test
    func `a resource is answered, and a browser told that it is for it alone`() async throws {
        try await RunningServer.with { server in
            let answer = try await server.ask("/all")
            #expect(answer.status == 200 && answer.body == "all\n", "\(answer.text)")
            #expect(answer.header("Content-Type") == "text/plain; charset=utf-8")
            #expect(answer.header("Content-Length") == "4")
            #expect(
                answer.header("Content-Security-Policy") == """
                    default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                    base-uri 'none'; form-action 'none'; frame-ancestors 'none'
                    """
            )
            #expect(answer.header("X-Content-Type-Options") == "nosniff")
            #expect(answer.header("Referrer-Policy") == "no-referrer")
            #expect(answer.header("X-Frame-Options") == "DENY")
            #expect(answer.header("Cross-Origin-Resource-Policy") == "same-origin")
            #expect(answer.header("Cache-Control") == "no-store")
            #expect(answer.header("Access-Control-Allow-Origin") == nil)
            let missing = try await server.ask("/none")
            #expect(missing.status == 404 && missing.header("Content-Security-Policy") != nil)
            #expect(try await server.ask("/all/").status == 404)
            #expect(try await server.ask("/all?x=1").body == "all\n")
        }
    }

    @Test
    func `HEAD is answered as GET is, without the body`() async throws {
        try await RunningServer.with { server in
            let answer = try await server.ask(method: "HEAD")
            #expect(answer.status == 200 && answer.body.isEmpty && answer.header("Content-Length") == "5")
        }
    }

    @Test(arguments: ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
    func `nothing but GET and HEAD is answered`(method: String) async throws {
        try await RunningServer.with { server in
            let answer = try await server.ask(method: method)
            #expect(answer.status == 405 && answer.header("Allow") == "GET, HEAD", "\(answer.text)")
        }
    }

    @Test(arguments: ["Content-Length: 1000000", "Transfer-Encoding: chunked"])
    func `a body is refused unread, and ends the connection`(header: String) async throws {
        try await RunningServer.with { server in
            let client = try await HTTPClient.connect(port: server.port)
            client.say("GET /part HTTP/1.1\r\nHost: localhost\r\n\(header)\r\n\r\n")
            let answer = try await client.untilClosed()
            #expect(answer.status == 413 && answer.header("Connection") == "close", "\(answer.text)")
        }
    }

    @Test
    func `a name that is not ours is refused, since a page elsewhere may have it point here`() async throws {
        try await RunningServer.with { server in
            for host in ["localhost", "LOCALHOST:80", "127.0.0.1:\(server.port)", "[::1]:7480", "10.1.2.3"] {
                #expect(try await server.ask(host: host).status == 200, "\(host)")
            }
            for host in [
                "evil.example", "evil.example:7480", "localhost.evil.example", "127.0.0.1.evil.example",
                "localhost:evil", "[evil.example]", "[::1].evil", "", ":80", "1.2.3", "2130706433",
            ] {
                let status = try await server.ask(host: host).status
                #expect(status == 421 || status == 400, "\(host): \(status ?? 0)")
            }
            let without = try await server.ask(host: nil).status
            #expect(without == 421 || without == 400)
        }
    }

    @Test
    func `requests that are too large are refused`() async throws {
        try await RunningServer.with { server in
            let limits = WebLimits()
            let long = "/" + String(repeating: "x", count: limits.targetBytes)
            let tooLong = try await server.status(long)
            #expect(tooLong == 414)
            let longEnough = try await server.status("/part?" + String(long.dropFirst(7)))
            #expect(longEnough == 200)
            let large = "X-Large: " + String(repeating: "x", count: limits.headerBytes + 1)
            let many = (0...limits.headers).map { "X-\($0): y" }
            let together = (0..<20).map { "X-\($0): " + String(repeating: "y", count: 1000) }
            for headers in [[large], many, together] {
                let status = try await server.status(headers: headers)
                #expect(status != 200)
            }
            let small = try await server.status(headers: ["X-Small: y"])
            #expect(small == 200)
        }
    }

    @Test
    func `what is no HTTP ends the connection`() async throws {
        try await RunningServer.with { server in
            for text in ["\u{16}\u{3}\u{1}\u{0}\u{5}hello", "GET\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
                let client = try await HTTPClient.connect(port: server.port)
                client.say(text)
                let status = try await client.untilClosed().status
                #expect(status ?? 400 >= 400)
            }
        }
    }

    @Test
    func `requests of one connection are answered in their order`() async throws {
        try await RunningServer.with { server in
            let client = try await HTTPClient.connect(port: server.port)
            for path in ["/part", "/none", "/all"] { client.say("GET \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n") }
            client.say("GET /part HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            let text = try await client.untilClosed().text
            let places = ["part\n", "there is nothing here\n", "all\n"].map { text.firstRange(of: $0)?.lowerBound }
            #expect(
                places.allSatisfy { $0 != nil }
                    && places == places.sorted { ($0 ?? text.endIndex) < ($1 ?? text.endIndex) }
            )
            #expect(text.components(of: "HTTP/1.1 ") == 4, "\(text)")
        }
    }
}

extension String {
    /// How often a text is in it.
    fileprivate func components(of text: String) -> Int { ranges(of: text).count }
}
