import ArgumentParser
import Glibc

/// The least that TLS to a subscriber can cost: a loop of `SSL_write`, and a peer that reads.
struct BareWriter: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "libssl",
        abstract: "Write to one connection of libssl's, 16 KiB at a time, and tell the writer's CPU time.",
        discussion: "Prints its port, serves the first connection, and then prints the figures. `--read` is the peer."
    )

    @Option(help: "The certificate (PEM).")
    var cert: String?

    @Option(help: "Its key (PEM).")
    var key: String?

    @Option(help: "How much to write.")
    var bytes = 2_000_000_000

    @Option(help: "Read from this port to the end instead.")
    var read: UInt16?

    private static let pieceBytes = 16 << 10

    func run() throws {
        if let read { return try readAll(port: read) }
        guard let cert, let key else { throw ValidationError("--cert and --key are needed") }
        let (listener, port) = try BareConnection.listen()
        print(port)
        fflush(nil)
        let connection = try BareConnection(accepted: accept(listener, nil, nil), certificate: cert, key: key)
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.pieceBytes, alignment: 16)
        for index in piece.indices { piece[index] = UInt8(truncatingIfNeeded: index &* 31) }
        let startNs = Clock.processTime.ns
        let pieces = bytes / Self.pieceBytes
        for _ in 0..<pieces { try connection.write(UnsafeRawBufferPointer(piece)) }
        print(#"{"bytes":\#(pieces * Self.pieceBytes),"cpu_ns":\#(Clock.processTime.ns - startNs)}"#)
    }

    private func readAll(port: UInt16) throws {
        let connection = try BareConnection(port: port, certificate: nil, key: nil)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
        while case .bytes = connection.read(into: buffer) {}
    }
}
