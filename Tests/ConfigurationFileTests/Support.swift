import ConfigurationFile
import Foundation

/// A file's mistakes, without the file's name: `line: key: what is wrong`.
func mistakes(
    _ text: String,
    surroundings: Surroundings = closed
) -> [String] {
    Configuration.parse(text, file: "t.yaml", surroundings: surroundings).problems.map {
        String($0.description.dropFirst("t.yaml:".count))
    }
}

/// Neither variables nor files, and an error to ask for one.
let closed = Surroundings(
    variable: { _ in nil },
    text: { (_) throws(ValueError) in throw ValueError("cannot be read: not here") }
)

/// A `feed` section that is complete, for files that are about something else; lines 1 to 5.
let feedLines = """
    feed:
      listen: 127.0.0.1:0
      certificate: server.pem
      key: server.key
      client-ca: ca.pem

    """

/// The folder with Package.swift.
func repositoryRoot(_ start: String = #filePath) -> URL? {
    var folder = URL(fileURLWithPath: start).resolvingSymlinksInPath().deletingLastPathComponent()
    while folder.path != "/" {
        if FileManager.default.fileExists(atPath: folder.appendingPathComponent("Package.swift").path) { return folder }
        folder.deleteLastPathComponent()
    }
    return nil
}
