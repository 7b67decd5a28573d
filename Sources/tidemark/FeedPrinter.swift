import Feed
import Glibc
import Rendering
import Runtime

/// Renders batches to a file descriptor. Confined to the printing thread, which `@unchecked Sendable` stands for.
final class FeedPrinter: @unchecked Sendable {
    private var renderer: FeedRenderer
    private var output = OutputBuffer()
    private let descriptor: Int32
    /// Bytes written to the descriptor since it was opened here.
    private(set) var writtenBytes: UInt64 = 0
    /// Whether events could not be decoded.
    private(set) var isDamaged = false
    /// Why the output cannot be written; nil while it can. A reader that has gone is no fault.
    private(set) var writeFault: String?
    private(set) var isLimitReached = false

    init(options: RenderingOptions, descriptor: Int32 = 1) {
        renderer = FeedRenderer(options: options)
        self.descriptor = descriptor
    }

    func print(_ batch: FeedBatch, token: String? = nil) -> PrintVerdict {
        do throws(RenderingError) {
            let progress = try renderer.render(batch, token: token, into: &output) { standardError.write(line: $0) }
            isLimitReached = progress == .limitReached
        } catch {
            isDamaged = true
            standardError.write(line: "\(error)")
        }
        guard write() else { return .stop }
        return isLimitReached ? .stop : .goOn
    }

    /// Prints what comes at the end.
    func finish() {
        renderer.finish(into: &output)
        _ = write()
    }

    /// - Returns: whether everything was written.
    private func write() -> Bool {
        defer { output.removeAll() }
        guard writeFault == nil else { return false }
        return output.withUnsafeBytes { bytes in
            var rest = bytes
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
                if count < 0 {
                    if errno == EINTR { continue }
                    if errno != EPIPE { writeFault = String(cString: strerror(errno)) }
                    return false
                }
                writtenBytes += UInt64(count)
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
            }
            return true
        }
    }
}
