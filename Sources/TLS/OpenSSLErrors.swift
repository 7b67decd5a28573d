internal import COpenSSL

/// One entry of libssl's error queue of this thread.
struct OpenSSLFailure: Sendable, Equatable {
    let library: Int32
    let reason: Int32
    let text: String

    /// Takes all entries off the queue, oldest first. Called at the point of failure, before any other call.
    static func drain() -> [OpenSSLFailure] {
        var failures: [OpenSSLFailure] = []
        while true {
            var data: UnsafePointer<CChar>?
            var flags: Int32 = 0
            let code = ERR_get_error_all(nil, nil, nil, &data, &flags)
            if code == 0 { return failures }
            guard failures.count < 16 else { continue }  // the queue itself is a ring of 16
            var text = ERR_reason_error_string(code).map { String(cString: $0) } ?? "error \(code)"
            if flags & ERR_TXT_STRING != 0, let data, data.pointee != 0 { text += ": \(String(cString: data))" }
            let (library, reason) = (tidemark_ERR_library(code), tidemark_ERR_reason(code))
            failures.append(OpenSSLFailure(library: library, reason: reason, text: text.printable))
        }
    }
}

extension TLSError {
    /// The error of a call that libssl refused for reasons of its own.
    static func fromLibrary(_ what: String) -> TLSError {
        TLSError(.library, details: [what] + OpenSSLFailure.drain().map(\.text))
    }
}

extension String {
    /// The text without control characters and without what could pass for the end of a line; at most 512 characters.
    var printable: String {
        var scalars = String.UnicodeScalarView()
        for scalar in unicodeScalars.prefix(512) {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: continue
            default: scalars.append(scalar)
            }
        }
        return String(scalars)
    }
}
