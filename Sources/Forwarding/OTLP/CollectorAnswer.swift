import COTLPSchema

/// What a collector answered to a batch.
struct CollectorAnswer: Equatable {
    var outcome: DeliveryWindow.Outcome
    /// What is wrong, for people; nil where nothing is.
    var trouble: String?

    /// Statuses after which the same batch is worth another attempt; after any other it is not.
    private static let passing = [429, 502, 503, 504]
    private static let messageBytesMax = 512

    /// - Parameters:
    ///   - body: as far as it was kept.
    ///   - retryAfter: the header of that name.
    ///   - nowSeconds: since the Unix epoch.
    init(status: Int, reason: String, body: [UInt8], retryAfter: String?, nowSeconds: Int64) {
        if (200..<300).contains(status) {
            let partial = Self.partialSuccess(body)
            outcome = .accepted(rejected: partial.rejected)
            trouble = partial.rejected > 0 ? "\(partial.rejected) records were not taken: \(partial.message)" : nil
            return
        }
        let message = Self.statusMessage(body)
        trouble = "the collector answered \(status) \(reason)" + (message.isEmpty ? "" : ": \(message)")
        guard Self.passing.contains(status) else {
            outcome = .refused
            return
        }
        outcome = .failed(afterNs: retryAfter.flatMap { Self.delayNs($0, nowSeconds: nowSeconds) } ?? 0)
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

    private static func statusMessage(_ body: [UInt8]) -> String {
        guard let status = tidemark__otlp__status__unpack(nil, body.count, body) else { return "" }
        defer { tidemark__otlp__status__free_unpacked(status, nil) }
        return text(status.pointee.message)
    }

    private static func text(_ bytes: UnsafeMutablePointer<CChar>?) -> String {
        guard let bytes else { return "" }
        return String(String(cString: bytes).unicodeScalars.prefix(messageBytesMax))
    }
}
