import ArgumentParser
import TLS

/// `tidemark cert`: a private authority with a server and a client identity, for trying out.
struct CertCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cert",
        abstract: "Make a private CA, a server and a client identity for trying out.",
        discussion: """
            Writes ca.pem ca.key server.pem server.key client.pem client.key (the server's for localhost and \
            127.0.0.1). Nothing is ever overwritten. Keep ca.key: `--client NAME` signs with it.
            """
    )

    @Argument(help: "The directory; made if it is not there.")
    var directory: String

    @Option(help: "Add the client NAME to the CA that is already in the directory.")
    var client: String?

    func run() throws {
        do throws(TLSError) {
            let files: [String]
            if let client {
                files = try CertificateAuthority(openingDirectory: directory).addClient(client)
            } else {
                files = try CertificateAuthority.create(inDirectory: directory).files
            }
            for file in files { standardError.write(line: "wrote \(file)") }
        } catch {
            standardError.write(line: "tidemark cert: \(error)")
            throw ExitStatus.failure
        }
    }
}
