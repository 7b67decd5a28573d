import ConfigurationFile
import Foundation
import Testing

/// `Config/tidemark.schema.json` beside the checker: both know the same keys, and refuse the same mistakes.
struct SchemaTests {
    private let root: URL
    private let schema: [String: Any]

    init() throws {
        root = try #require(repositoryRoot(), "no Package.swift above \(#filePath)")
        let text = try Data(contentsOf: root.appendingPathComponent("Config/tidemark.schema.json"))
        schema = try #require(try JSONSerialization.jsonObject(with: text) as? [String: Any])
    }

    /// The sections of the schema with their keys, by their places.
    private func sections(_ node: [String: Any], at path: [String] = []) -> [(path: [String], keys: Set<String>)] {
        if let reference = node["$ref"] as? String {
            let name = reference.split(separator: "/").last.map(String.init) ?? ""
            let definition = (schema["$defs"] as? [String: Any])?[name] as? [String: Any]
            return definition.map { sections($0, at: path) } ?? []
        }
        if let items = node["items"] as? [String: Any] { return sections(items, at: path + ["[0]"]) }
        guard let properties = node["properties"] as? [String: Any] else { return [] }
        return [(path, Set(properties.keys))]
            + properties.sorted { $0.key < $1.key }.flatMap { key, value in
                sections(value as? [String: Any] ?? [:], at: path + [key])
            }
    }

    /// The keys that the checker names where it finds one that it does not know.
    private func known(at path: [String]) -> Set<String> {
        let text = path.reversed().reduce("{zzzzzzzz: 1}") { inner, part in
            part == "[0]" ? "[\(inner)]" : "{\(part): \(inner)}"
        }
        let place = (path + ["zzzzzzzz"]).reduce("") { $1 == "[0]" ? $0 + $1 : $0.isEmpty ? $1 : "\($0).\($1)" }
        let start = "1: \(place): unknown key; known here are "
        let mistake = mistakes(text).first { $0.hasPrefix(start) }
        return Set(
            (mistake ?? start).dropFirst(start.count).split(separator: ",").map { $0.drop { $0 == " " } }.map(
                String.init
            )
        )
    }

    @Test
    func `schema and checker know the same keys, section by section`() {
        let sections = sections(schema)
        #expect(sections.count == 12)
        for (path, keys) in sections {
            #expect(known(at: path) == keys, "\(path.joined(separator: "."))")
        }
    }

    @Test
    func `each section of the schema is closed`() throws {
        func open(_ node: [String: Any]) -> Int {
            let own = node["properties"] != nil && node["additionalProperties"] as? Bool != false ? 1 : 0
            // A condition is no section.
            return node.filter { $0.key != "if" }.values.reduce(own) { count, value in
                if let inner = value as? [String: Any] { return count + open(inner) }
                return count
            }
        }
        #expect(open(schema) == 0)
    }

    // MARK: Validated by an implementation of JSON schema

    private func validate(_ texts: [String]) throws -> (status: Int32, output: String) {
        let folder = FileManager.default.temporaryDirectory.path + "/tidemark-schema-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var files: [String] = []
        for (number, text) in texts.enumerated() {
            files.append("\(folder)/\(number).yaml")
            try text.write(toFile: "\(folder)/\(number).yaml", atomically: false, encoding: .utf8)
        }
        let process = Process()
        // Debian's own, which sees Debian's packages.
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments =
            [
                root.appendingPathComponent("Tests/Support/python/validate_configuration.py").path,
                root.appendingPathComponent("Config/tidemark.schema.json").path,
            ] + files
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }

    @Test
    func `the example and a file with every key are valid`() throws {
        let example = try String(contentsOf: root.appendingPathComponent("Config/tidemark.yaml"), encoding: .utf8)
        let (status, output) = try validate([example, wholeContract])
        #expect(status == 0, "\(output)")
        #expect(output.components(separatedBy: ": good").count == 3, "\(output)")
    }

    @Test
    func `what the checker refuses in one value, the schema refuses too`() throws {
        let relay = "relays: [{name: a, url: 'net://h'}]\n"
        let bad = [
            relay, feedLines, "relays: []\n" + feedLines, "relays: [{name: a}]\n" + feedLines,
            "relays: [{name: a/b, url: 'net://h'}]\n" + feedLines, "relays: [{name: a, url: 'http://h'}]\n" + feedLines,
            "relays: [{name: a, url: 'net://h/x'}]\n" + feedLines, "relays: [{name: a, url: 'tls://h'}]\n" + feedLines,
            "relays: [{name: a, url: 'net://h', from: then}]\n" + feedLines,
            "relays: [{name: a, url: 'net://h', clock: off}]\n" + feedLines,
            "relays: [{name: a, url: 'net://h', clock-offset: 5}]\n" + feedLines,
            "relays: [{name: a, url: 'net://h', sessions: []}]\n" + feedLines,
            relay + feedLines + "order: {stall-after: 0s}\n", relay + feedLines + "order: {messages: [{send: a}]}\n",
            relay + feedLines + "log: {retain-bytes: 5GB}\n", relay + feedLines + "log: {retain-age: 0s}\n",
            relay + feedLines + "http: {listen: here}\n", relay + feedLines + "http: {listen: '0.0.0.0:1'}\n",
            relay + feedLines + "http: {listen: '0.0.0.0:1', token: 0123456789abcdef}\n",
            relay + feedLines + "http: {listen: 'h:1', certificate: a, key: b}\n",
            relay + feedLines + "http: {listen: '127.0.0.1:1', certificate: a}\n",
            relay + feedLines + "http: {listen: '127.0.0.1:1', client-ca: a}\n",
            relay + feedLines + "http: {listen: '127.0.0.1:1', token: short}\n",
            relay + feedLines
                + "http: {listen: '[::1]:1', certificate: a, key: b, client-ca: c, token: 0123456789abcdef}\n",
            relay + feedLines + "http: {listen: '127.0.0.1:1', certificate: a, key: b, crl: [c]}\n",
            relay + feedLines + "colour: blue\n",
            relay + feedLines + "  tls-version: 1.1\n", relay + feedLines + "  crl: one\n",
            relay + feedLines + "  certificates: [{certificate: a}]\n",
            relay + feedLines + "  allow: [{hosts: ['*']}]\n", relay + feedLines + "  limits: {connections: 0}\n",
            relay + feedLines + "  limits: {buffer: 5}\n", relay + feedLines + "log: {sync: always}\n",
            relay + feedLines + "log: {directory: d, sync: maybe}\n",
            relay + feedLines + "forward: [{file: a}]\n", relay + feedLines + "forward: [{name: a}]\n",
            relay + feedLines + "forward: [{name: a, file: b, exec: [c]}]\n",
            relay + feedLines + "forward: [{name: a b, file: c}]\n",
            relay + feedLines + "forward: [{name: a, exec: []}]\n",
            relay + feedLines + "forward: [{name: a, exec: cat}]\n",
            relay + feedLines + "forward: [{name: a, file: b, keep: 3}]\n",
            relay + feedLines + "forward: [{name: a, file: b, rotate-bytes: 3}]\n",
            relay + feedLines + "forward: [{name: a, syslog: 'tls://h'}]\n",
            relay + feedLines + "forward: [{name: a, syslog: 'udp://h', ca: b}]\n",
            relay + feedLines + "forward: [{name: a, syslog: 'tls://h', ca: b, facility: kern}]\n",
            relay + feedLines + "forward: [{name: a, otlp: 'ftp://h', ca: b}]\n",
            relay + feedLines + "forward: [{name: a, otlp: 'https://u:p@h', ca: b}]\n",
            relay + feedLines + "forward: [{name: a, otlp: 'https://h', ca: b, certificate: c}]\n",
            relay + feedLines + "forward: [{name: a, otlp: 'https://h', ca: b, concurrency: 17}]\n",
            relay + feedLines + "forward: [{name: a, otlp: 'https://h', ca: b, timeout: 0s}]\n",
        ]
        for text in bad {
            #expect(!mistakes(text).isEmpty, "the checker accepts:\n\(text)")
        }
        let (status, output) = try validate(bad)
        #expect(status == 1, "\(output)")
        let good = output.split(separator: "\n").filter { $0.hasSuffix(": good") }
        #expect(good.isEmpty, "\(good)")
    }
}
