#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Files of text, bounded.
enum TextFile {
    /// - Throws: why it cannot be read, is too large, or is not UTF-8.
    static func read(_ path: String, bytesMax: Int) throws(ValueError) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure() }
        defer { close(descriptor) }
        var text: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = piece.withUnsafeMutableBytes { get(descriptor, $0) }
            if count < 0 {
                if errno == EINTR { continue }
                throw failure()
            }
            if count == 0 { break }
            guard text.count + count <= bytesMax else { throw ValueError("is larger than \(bytesMax) bytes") }
            text.append(contentsOf: piece[..<count])
        }
        guard let decoded = String(validating: text, as: UTF8.self) else { throw ValueError("is not text in UTF-8") }
        return decoded
    }

    static func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    /// `read` of the C library.
    private static func get(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
        #if canImport(Glibc)
            Glibc.read(descriptor, buffer.baseAddress, buffer.count)
        #elseif canImport(Musl)
            Musl.read(descriptor, buffer.baseAddress, buffer.count)
        #endif
    }

    private static func failure() -> ValueError {
        var buffer = [CChar](repeating: 0, count: 256)
        guard strerror_r(errno, &buffer, buffer.count) == 0 else { return ValueError("cannot be read") }
        let text = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return ValueError("cannot be read: \(text)")
    }
}
