import COpenSSL
import Glibc

/// Something that keeps a measurement from being made.
struct MeterError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }

    /// What a system call has just said.
    static func system(_ what: String) -> MeterError { MeterError("\(what): \(String(cString: strerror(errno)))") }
}

/// TLS 1.3 with AES-256-GCM over a socket on loopback, as libssl does it by itself: nothing of ours is in between.
/// The peer's certificate is not looked at.
final class BareConnection {
    private let context: OpaquePointer
    let ssl: OpaquePointer
    let descriptor: Int32

    /// Connects; shows a certificate and offers the feed's protocol where files are given.
    convenience init(port: UInt16, certificate: String?, key: String?) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = Self.loopback(port)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw MeterError.system("connect to port \(port)") }
        try self.init(descriptor, TLS_client_method(), certificate: certificate, key: key)
        if certificate != nil {
            let list = [UInt8]("tidemark/1".utf8)
            SSL_set_alpn_protos(ssl, [UInt8(list.count)] + list, UInt32(list.count) + 1)
        }
        guard SSL_connect(ssl) == 1 else { throw MeterError("no TLS connection to port \(port)") }
    }

    /// Takes over an accepted socket.
    convenience init(accepted descriptor: Int32, certificate: String, key: String) throws {
        try self.init(descriptor, TLS_server_method(), certificate: certificate, key: key)
        guard SSL_accept(ssl) == 1 else { throw MeterError("the peer made no TLS connection") }
    }

    private init(_ descriptor: Int32, _ method: OpaquePointer?, certificate: String?, key: String?) throws {
        guard let context = SSL_CTX_new(method) else { throw MeterError("no memory for TLS") }
        if let certificate, let key {
            guard SSL_CTX_use_certificate_chain_file(context, certificate) == 1,
                SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1
            else { throw MeterError("\(certificate), \(key): cannot be used") }
        }
        guard SSL_CTX_set_ciphersuites(context, "TLS_AES_256_GCM_SHA384") == 1, let ssl = SSL_new(context),
            SSL_set_fd(ssl, descriptor) == 1
        else { throw MeterError("libssl refuses") }
        var yes: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
        // Many records by one call to the kernel: a reader is to cost little.
        SSL_set_read_ahead(ssl, 1)
        SSL_set_default_read_buffer_len(ssl, 256 << 10)
        self.context = context
        self.ssl = ssl
        self.descriptor = descriptor
    }

    deinit {
        SSL_free(ssl)
        SSL_CTX_free(context)
        close(descriptor)
    }

    /// From here on `read` does not wait.
    func makeNonBlocking() {
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        var count = 0
        guard SSL_write_ex(ssl, bytes.baseAddress, bytes.count, &count) == 1, count == bytes.count else {
            throw MeterError("the peer has closed the connection")
        }
    }

    enum ReadResult {
        case bytes(Int)
        /// Nothing is there; only of a connection that does not wait.
        case nothing
        case closed
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> ReadResult {
        var count = 0
        let result = SSL_read_ex(ssl, buffer.baseAddress, buffer.count, &count)
        if result == 1 { return .bytes(count) }
        return SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ ? .nothing : .closed
    }

    /// Listens on a free port of loopback.
    static func listen() throws -> (descriptor: Int32, port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = loopback(0)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && Glibc.listen(descriptor, 8) == 0
                    && getsockname(descriptor, $0, &size) == 0
            }
        }
        guard result else { throw MeterError.system("listen") }
        return (descriptor, address.sin_port.bigEndian)
    }

    private static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr = in_addr(s_addr: UInt32(0x7F00_0001).bigEndian)
        return address
    }
}
