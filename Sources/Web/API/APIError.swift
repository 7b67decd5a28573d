import HTTPTypes

extension WebAnswer {
    /// A refusal: in JSON for whoever asks the API, else a line for people.
    static func refusal(_ status: HTTPResponse.Status, _ text: String, _ path: String) -> WebAnswer {
        guard path.hasPrefix("/api/") else { return WebAnswer(status, text) }
        let code =
            switch status {
            case .unauthorized, .forbidden: "identity"
            case .notFound: "gone"
            default: "parameter"
            }
        return APIError(status, code, text).answer
    }
}

/// Why a call of the API is refused.
struct APIError: Error {
    var status: HTTPResponse.Status
    /// For programs.
    var code: String
    /// For people.
    var message: String
    /// Where in a filter, characters from 1.
    var column: Int?
    /// How much of the log has been read, 0 to 1.
    var progress: Double?
    /// Seconds.
    var retryAfter: Int?

    init(_ status: HTTPResponse.Status, _ code: String, _ message: String) {
        self.status = status
        self.code = code
        self.message = message
    }

    static func parameter(_ message: String) -> APIError { APIError(.badRequest, "parameter", message) }
    static func range(_ message: String) -> APIError { APIError(.badRequest, "range", message) }
    static func gone(_ message: String) -> APIError { APIError(.notFound, "gone", message) }

    static func busy(_ message: String) -> APIError {
        var error = APIError(.tooManyRequests, "busy", message)
        error.retryAfter = 1
        return error
    }

    static func starting(progress: Double) -> APIError {
        var error = APIError(.serviceUnavailable, "starting", "the counts are still being made from the log")
        error.progress = progress
        error.retryAfter = 1
        return error
    }

    var answer: WebAnswer {
        var json = JSONBuffer()
        json.object { json in
            json.key("error")
            json.object { json in
                json.member("code", code)
                json.member("message", message)
                if let column { json.member("column", column) }
                if let progress { json.member("progress", progress: progress) }
            }
        }
        var answer = WebAnswer(status, contentType: "application/json", bytes: json.bytes)
        if let retryAfter { answer.headers[.retryAfter] = "\(retryAfter)" }
        return answer
    }
}
