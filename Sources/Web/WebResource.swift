package import Feed
package import HTTPTypes
package import HummingbirdCore
import NIOCore

/// Something that is served under a path.
package protocol WebResource: Sendable {
    /// Whether it tells of everything there is, so that those who may see only a part are refused.
    var isForFullViewOnly: Bool { get }

    func answer(_ request: WebRequest) async -> WebAnswer
}

/// A request for a resource by someone who may ask. Either GET, or HEAD, whose answer's body is left out.
package struct WebRequest: Sendable {
    /// Path and query as they came.
    package let uri: URI
    package let headers: HTTPFields
    /// What the asker may see.
    package let scope: ViewScope
}

/// The answer to a request.
package struct WebAnswer: Sendable {
    package var status: HTTPResponse.Status
    package var contentType: String
    package var body: ResponseBody

    package init(_ status: HTTPResponse.Status = .ok, contentType: String, body: ResponseBody) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }

    package init(_ status: HTTPResponse.Status = .ok, contentType: String, bytes: [UInt8]) {
        self.init(status, contentType: contentType, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    /// A line for people.
    package init(_ status: HTTPResponse.Status, _ text: String) {
        self.init(status, contentType: "text/plain; charset=utf-8", bytes: Array((text + "\n").utf8))
    }
}
