import Glibc
import Runtime

/// Standard error, line by line.
struct StandardError: Sendable {
    /// Writes `line` and a line end in one call, with control characters stripped: names in it may come from a peer.
    func write(line: String) {
        var bytes = Array(printable(line).utf8)
        bytes.append(0x0A)
        bytes.withUnsafeBytes { buffer in
            _ = Glibc.write(2, buffer.baseAddress, buffer.count)
        }
    }
}

/// The process's standard error.
let standardError = StandardError()
