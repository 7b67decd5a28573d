import COTLPSchema

/// What a collector answered to a request.
struct CollectorAnswer: Equatable {
    enum Verdict: Equatable {
        /// - Parameter rejected: of its events, those that are not to be sent again.
        case accepted(rejected: UInt64)
        /// The request is too large: parts of it may be taken.
        case tooLarge
        /// For good.
        case refused
        /// Not now. - Parameter afterNs: what the collector asks for.
        case failed(afterNs: Int64)
        /// Nothing of ours, whatever is in it, until somebody does something about it.
        case held(afterNs: Int64)
    }

    var verdict: Verdict
    /// What is wrong, for people; nil where nothing is. Bounded, not printable.
    var trouble: String?

    /// Statuses after which the same request is worth another attempt: the specification's own, and that of a
    /// connection which was quiet for too long.
    private static let passing = [408, 429, 502, 503, 504]
    /// Statuses that are about how we come, and where to, not about what we bring: another request would fare no
    /// better, and all would be lost until somebody sets it right.
    private static let unwelcome = [401, 403, 404, 405, 407, 415, 501, 505]
    private static let messageBytesMax = 512

    /// There is none.
    init(failure reason: String) {
        verdict = .failed(afterNs: 0)
        trouble = reason
    }

    /// - Parameters:
    ///   - body: as far as it was kept.
    ///   - retryAfter: the header of that name.
    ///   - nowSeconds: since the Unix epoch.
    init(status: Int, reason: String, body: [UInt8], retryAfter: String?, nowSeconds: Int64) {
        if (200..<300).contains(status) {
            let partial = Self.partialSuccess(body)
            verdict = .accepted(rejected: partial.rejected)
            trouble = partial.rejected > 0 ? "\(partial.rejected) records were not taken: \(partial.message)" : nil
            return
        }
        let message = Self.message(body)
        trouble =
            "the collector answered \(status) \(Self.bounded(reason))" + (message.isEmpty ? "" : ": \(message)")
        let afterNs = retryAfter.flatMap { Self.delayNs($0, nowSeconds: nowSeconds) } ?? 0
        switch status {
        case 413: verdict = .tooLarge
        case 300..<400: verdict = .held(afterNs: afterNs)
        case _ where Self.unwelcome.contains(status): verdict = .held(afterNs: afterNs)
        case _ where Self.passing.contains(status): verdict = .failed(afterNs: afterNs)
        default: verdict = .refused
        }
    }

    // MARK: Retry-After (RFC 9110, 10.2.3)

    /// - Returns: nanoseconds, not negative; nil for what cannot be understood.
    static func delayNs(_ header: String, nowSeconds: Int64) -> Int64? {
        let text = header.filter { $0 != "\t" }
        if !text.isEmpty, text.utf8.count <= 9, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            return Int64(text).map { $0 * 1_000_000_000 }
        }
        guard let seconds = secondsSinceEpoch(httpDate: text) else { return nil }
        return min(max(seconds - nowSeconds, 0), 86_400) * 1_000_000_000
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`; the obsolete forms are not sent any more.
    static func secondsSinceEpoch(httpDate text: String) -> Int64? {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[0].hasSuffix(","), parts[5] == "GMT", let day = number(parts[1], 1...31),
            let month = months.firstIndex(where: { $0 == parts[2] }), let year = number(parts[3], 1970...9999)
        else { return nil }
        let time = parts[4].split(separator: ":", omittingEmptySubsequences: false)
        guard time.count == 3, let hour = number(time[0], 0...23), let minute = number(time[1], 0...59),
            let second = number(time[2], 0...60)
        else { return nil }
        // Years that begin in March, so that a leap day is the last of its year.
        let marchYear = month < 2 ? year - 1 : year
        let dayOfYear = (153 * ((Int64(month) + 10) % 12) + 2) / 5 + day - 1
        let days = 365 * marchYear + marchYear / 4 - marchYear / 100 + marchYear / 400 + dayOfYear - 719_468
        return days * 86_400 + hour * 3_600 + minute * 60 + second
    }

    private static func number(_ text: Substring, _ range: ClosedRange<Int64>) -> Int64? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let value = Int64(text), range.contains(value)
        else { return nil }
        return value
    }

    // MARK: Bodies

    private static func partialSuccess(_ body: [UInt8]) -> (rejected: UInt64, message: String) {
        guard let answer = tidemark__otlp__logs_answer__unpack(nil, body.count, body) else { return (0, "") }
        defer { tidemark__otlp__logs_answer__free_unpacked(answer, nil) }
        guard let partial = answer.pointee.partial_success else { return (0, "") }
        return (UInt64(max(partial.pointee.rejected_log_records, 0)), text(partial.pointee.error_message))
    }

    /// Of an answer that is no success: what its message says, or else its text.
    private static func message(_ body: [UInt8]) -> String {
        if let status = tidemark__otlp__status__unpack(nil, body.count, body) {
            defer { tidemark__otlp__status__free_unpacked(status, nil) }
            let message = text(status.pointee.message)
            if !message.isEmpty { return message }
        }
        // Proxies answer with pages. Where one is cut off, it may be in the middle of a character.
        let page = body.prefix(4 * messageBytesMax)
        let text = (0..<4).lazy.compactMap { String(validating: page.dropLast($0), as: UTF8.self) }.first
        let words = text?.split(whereSeparator: \.isWhitespace).joined(separator: " ") ?? ""
        return words.unicodeScalars.allSatisfy { $0.value >= 0x20 } ? bounded(words) : ""
    }

    private static func text(_ bytes: UnsafeMutablePointer<CChar>?) -> String {
        guard let bytes else { return "" }
        return bounded(String(cString: bytes))
    }

    private static func bounded(_ text: String) -> String {
        String(text.unicodeScalars.prefix(messageBytesMax))
    }
}
