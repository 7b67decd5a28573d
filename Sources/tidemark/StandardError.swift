import Glibc

/// Standard error, line by line.
struct StandardError: Sendable {
    /// Writes `line` and a line end in one call, with control characters stripped: names in it may come from a peer.
    func write(line: String) {
        var bytes = Array(
            line.unicodeScalars.lazy.map { $0.value < 0x20 || $0.value == 0x7F ? " " : Character($0) }
                .reduce(into: "") { $0.append($1) }.utf8
        )
        bytes.append(0x0A)
        bytes.withUnsafeBytes { buffer in
            _ = Glibc.write(2, buffer.baseAddress, buffer.count)
        }
    }
}

/// The process's standard error.
let standardError = StandardError()
