import Glibc

/// The terminal that standard input and output are on, taken over for a picture that is drawn again and again.
///
/// Ctrl-C and its like still make signals. Used by one thread at a time; `restore` gives it back as it was.
struct Terminal: Sendable {
    private let before: termios

    /// - Returns: nil where standard input or output is no terminal.
    init?() {
        guard isatty(0) == 1, isatty(1) == 1 else { return nil }
        var settings = termios()
        guard tcgetattr(0, &settings) == 0 else { return nil }
        before = settings
        settings.c_lflag &= ~tcflag_t(ICANON | ECHO)
        guard tcsetattr(0, TCSANOW, &settings) == 0 else { return nil }
        // Another screen, so that what was there comes back; no cursor.
        Self.write("\u{1B}[?1049h\u{1B}[?25l")
    }

    func restore() {
        Self.write("\u{1B}[?25h\u{1B}[?1049l")
        var settings = before
        tcsetattr(0, TCSANOW, &settings)
    }

    /// Columns and lines; 80 and 24 where the terminal does not say.
    var size: (width: Int, height: Int) {
        var size = winsize()
        guard ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return (80, 24) }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Shows these lines and nothing else.
    /// - Parameter marked: the line that is shown inverted.
    func draw(_ lines: [String], marked: Int?) {
        let shown = lines.prefix(size.height).enumerated().map { number, line in
            (number == marked ? "\u{1B}[7m\(line)\u{1B}[0m" : line) + "\u{1B}[K"
        }
        Self.write("\u{1B}[H" + shown.joined(separator: "\r\n") + "\u{1B}[J")
    }

    /// What was pressed within this time, milliseconds; nothing where nothing was; nil at the end of input.
    func keys(withinMs milliseconds: Int32) -> [UInt8]? {
        var input = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
        guard poll(&input, 1, milliseconds) > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = bytes.withUnsafeMutableBytes { read(0, $0.baseAddress, $0.count) }
        return count > 0 ? Array(bytes[..<count]) : nil
    }

    private static func write(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(1, $0.baseAddress, $0.count) }
            if count < 0 && errno != EINTR && errno != EAGAIN { return }
            rest = rest.dropFirst(max(count, 0))
        }
    }
}
