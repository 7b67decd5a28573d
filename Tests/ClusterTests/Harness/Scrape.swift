import Foundation

/// What a coordinator tells of itself by HTTP.
extension Coordinator {
    /// An answer, and its status.
    func ask(_ path: String, options: [String] = [], scheme: String = "http") throws -> (status: Int, body: String) {
        let result = try Command.result(
            ["curl", "--silent", "--show-error", "--max-time", "20", "--write-out", "\n%{http_code}"] + options
                + ["\(scheme)://localhost:\(httpPort)\(path)"]
        )
        let end = result.text.lastIndex(of: "\n") ?? result.text.startIndex
        return (Int(result.text[end...].dropFirst()) ?? 0, String(result.text[..<end]) + result.error)
    }

    func scrape(options: [String] = [], scheme: String = "http") throws -> Scrape {
        let (status, body) = try ask("/metrics", options: options, scheme: scheme)
        guard status == 200 else { throw Failure("/metrics: \(status) \(body)") }
        return Scrape(text: body)
    }
}

/// Metrics in Prometheus' text format.
struct Scrape {
    struct Series {
        let name: String
        let labels: [String: String]
        let value: Double
    }

    let text: String
    let series: [Series]

    init(text: String) {
        self.text = text
        series = text.split(separator: "\n").compactMap { line in
            guard !line.hasPrefix("#"), let space = line.lastIndex(of: " "),
                let value = Double(line[line.index(after: space)...])
            else { return nil }
            let head = line[..<space]
            let brace = head.firstIndex(of: "{") ?? head.endIndex
            var labels: [String: String] = [:]
            // No name of the tests' has a comma or a quote in it.
            for pair in head[brace...].dropFirst().dropLast().split(separator: ",") {
                let parts = pair.split(separator: "=", maxSplits: 1)
                if parts.count == 2 { labels[String(parts[0])] = String(parts[1].dropFirst().dropLast()) }
            }
            return Series(name: String(head[..<brace]), labels: labels, value: value)
        }
    }

    /// The series of a name that have these labels.
    func all(_ name: String, _ labels: [String: String] = [:]) -> [Series] {
        series.filter { series in series.name == name && labels.allSatisfy { series.labels[$0.key] == $0.value } }
    }

    /// The value of the one that has these labels; nil where there is none, or more than one.
    func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        let found = all(name, labels)
        return found.count == 1 ? found[0].value : nil
    }

    func sum(_ name: String, _ labels: [String: String] = [:]) -> Double {
        all(name, labels).reduce(0) { $0 + $1.value }
    }
}
