import Glibc
import Runtime
import Synchronization

/// Standard error, line by line; on a terminal also one line at its end that is replaced again and again.
struct StandardError: Sendable {
    /// Whether a line is shown that is to be replaced. One for the process, as there is one terminal.
    private static let isShowing = Mutex(false)
    private static let clear = "\r\u{1B}[K"

    /// Writes `line` and a line end in one call, with control characters stripped: names in it may come from a peer.
    func write(line: String) {
        Self.isShowing.withLock { isShowing in
            Self.write((isShowing ? Self.clear : "") + printable(line) + "\n")
            isShowing = false
        }
    }

    /// Whether it is a terminal.
    var isTerminal: Bool { isatty(2) == 1 }

    /// Columns of the terminal; 80 where it does not say.
    var width: Int {
        var size = winsize()
        guard ioctl(2, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// Shows a line, shorter than the terminal is wide, until the next line of either kind. Only for terminals.
    func show(_ line: String) {
        Self.isShowing.withLock { isShowing in
            Self.write(Self.clear + printable(line))
            isShowing = true
        }
    }

    /// Takes away what is shown.
    func hide() {
        Self.isShowing.withLock { isShowing in
            if isShowing { Self.write(Self.clear) }
            isShowing = false
        }
    }

    private static func write(_ text: String) {
        Array(text.utf8).withUnsafeBytes { buffer in
            _ = Glibc.write(2, buffer.baseAddress, buffer.count)
        }
    }
}

/// The process's standard error.
let standardError = StandardError()
