import ConfigurationFile
import Foundation
import Testing

@testable import Web

/// The page's files, as they are served.
@Suite(.timeLimit(.minutes(5)))
struct PageTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../Sources/Web/Page").standardized

    @Test
    func `the program has all files of the page, byte for byte`() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
        #expect(PageResources.files.map(\.name).sorted() == names.sorted())
        for file in PageResources.files {
            #expect(try Data(contentsOf: Self.folder.appending(path: file.name)) == Data(file.bytes), "\(file.name)")
        }
    }

    @Test
    func `the page is for whoever may connect, and says what it is`() async throws {
        let http = Configuration.HTTP(
            listen: NetworkEndpoint(host: "127.0.0.1", port: 0),
            token: "correct-horse-battery-staple"
        )
        try await RunningServer.with(http, resources: PageResources.all) { server in
            for (path, type) in [
                ("/", "text/html"), ("/main.js", "text/javascript"), ("/style.css", "text/css"),
                ("/icon.svg", "image/svg+xml"),
            ] {
                let answer = try await server.ask(path)
                #expect(answer.status == 200 && answer.header("Content-Type") == type + "; charset=utf-8", "\(path)")
                #expect(answer.header("Cache-Control") == "no-cache")
                let tag = try #require(answer.header("ETag"))
                let again = try await server.ask(path, headers: ["If-None-Match: \(tag)"])
                #expect(again.status == 304 && again.body.isEmpty, "\(path)")
                let other = try await server.ask(path, headers: ["If-None-Match: \"0\""])
                #expect(other.status == 200)
            }
            for path in ["/index.html", "/main", "/../main.js", "/Page/main.js", "//main.js", "/main.js/"] {
                #expect(try await server.ask(path).status == 401, "\(path)")
            }
        }
    }
}
