import CTimelinePage
import HTTPTypes

/// The timeline's page: files that are in the program, and hold nothing of the feed.
package enum PageResources {
    /// By their paths.
    package static var all: [String: any WebResource] {
        var resources: [String: any WebResource] = [:]
        for file in files {
            resources[file.name == "index.html" ? "/" : "/" + file.name] = PageResource(file)
        }
        return resources
    }

    struct File {
        var name: String
        var bytes: [UInt8]
    }

    static var files: [File] {
        (0..<tidemark_page_file_count).map { number in
            let file = tidemark_page_file_at(number).pointee
            return File(
                name: String(cString: file.name),
                bytes: Array(UnsafeBufferPointer(start: file.bytes, count: file.count))
            )
        }
    }
}

/// A file of the page.
struct PageResource: WebResource {
    let audience = WebAudience.everybody
    private let contentType: String
    private let bytes: [UInt8]
    private let tag: String

    init(_ file: PageResources.File) {
        contentType = Self.contentType(of: file.name)
        bytes = file.bytes
        tag = "\"\(String(Self.digest(file.bytes), radix: 16))\""
    }

    func answer(_ request: WebRequest) async -> WebAnswer {
        var answer =
            request.holds(tag) ? WebAnswer(.notModified) : WebAnswer(contentType: contentType, bytes: bytes)
        answer.headers[.eTag] = tag
        answer.headers[.cacheControl] = "no-cache"
        return answer
    }

    private static func contentType(of name: String) -> String {
        if name.hasSuffix(".html") { return "text/html; charset=utf-8" }
        if name.hasSuffix(".css") { return "text/css; charset=utf-8" }
        if name.hasSuffix(".svg") { return "image/svg+xml; charset=utf-8" }
        return "text/javascript; charset=utf-8"
    }

    /// FNV-1a: tells versions of our own files apart.
    private static func digest(_ bytes: [UInt8]) -> UInt64 {
        bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}

extension WebRequest {
    /// Whether the client says that it has what a tag stands for.
    func holds(_ tag: String) -> Bool {
        guard let tags = headers[.ifNoneMatch] else { return false }
        return tags.split(separator: ",").contains { part in
            let part = part.drop { $0 == " " }
            return part == "*" || (part.hasPrefix("W/") ? part.dropFirst(2) : part) == tag
        }
    }
}
