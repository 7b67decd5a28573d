import ArgumentParser
import Runtime

/// Standard output, for the commands that print little.
struct StandardOutput {
    private let file = OutputFile.standardOutput()

    /// - Throws: an exit code when it cannot be written, after a message. A reader that has gone is no fault.
    func write(_ text: String, command: String) throws {
        _ = Array(text.utf8).withUnsafeBytes { file.write($0) }
        guard let fault = file.fault else { return }
        standardError.write(line: "tidemark \(command): \(fault)")
        throw ExitStatus.failure
    }
}

/// `text` as a JSON string.
func jsonString(_ text: String) -> String {
    var json = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": json += "\\\""
        case "\\": json += "\\\\"
        case "\u{0}"..<"\u{20}", "\u{7F}":
            let digits = String(scalar.value, radix: 16)
            json += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: json.unicodeScalars.append(scalar)
        }
    }
    return json + "\""
}
