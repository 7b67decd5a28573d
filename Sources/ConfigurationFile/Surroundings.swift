/// What `${env:NAME}`, `${env:NAME:-default}` and `${file:PATH}` in values may look at.
package struct Surroundings: Sendable {
    /// A variable's value; nil where it is not set.
    private let variable: @Sendable (String) -> String?
    /// A file's text.
    private let text: @Sendable (String) throws(ValueError) -> String
    /// False: neither is looked at, and a value that needs them is taken as right.
    private let isOpen: Bool

    /// The process's environment and the files.
    package static let process = Surroundings(
        variable: { TextFile.environment($0) },
        text: { (path) throws(ValueError) in
            try TextFile.read(path, bytesMax: ConfigurationLimits.replacementBytesMax)
        }
    )

    /// Neither: a value that needs them is taken as right.
    package static let none = Surroundings(variable: { _ in nil }, text: { _ in "" }, isOpen: false)

    /// - Parameters:
    ///   - variable: an environment variable's value; nil where it is not set.
    ///   - text: a file's whole text, by its path.
    package init(
        variable: @escaping @Sendable (String) -> String?,
        text: @escaping @Sendable (String) throws(ValueError) -> String
    ) {
        self.init(variable: variable, text: text, isOpen: true)
    }

    private init(
        variable: @escaping @Sendable (String) -> String?,
        text: @escaping @Sendable (String) throws(ValueError) -> String,
        isOpen: Bool
    ) {
        self.variable = variable
        self.text = text
        self.isOpen = isOpen
    }

    /// Puts in what `${…}` stands for; `$${` is a plain `${`. What is put in is not looked at again.
    /// - Parameter directory: where relative paths begin.
    /// - Returns: the text; nil where that cannot be known without looking.
    func replace(in value: String, directory: String) throws(ValueError) -> String? {
        guard value.contains("${") else { return value }
        var result = ""
        var isKnown = true
        var rest = value[...]
        while let start = rest.firstRange(of: "${") {
            if start.lowerBound > rest.startIndex, rest[rest.index(before: start.lowerBound)] == "$" {
                result += rest[..<start.lowerBound] + "{"
                rest = rest[start.upperBound...]
                continue
            }
            result += rest[..<start.lowerBound]
            guard let end = rest[start.upperBound...].firstIndex(of: "}") else {
                throw ValueError("'\(value)' lacks the closing brace of '${'")
            }
            if let found = try lookUp(rest[start.upperBound..<end], directory) {
                result += found
            } else {
                isKnown = false
            }
            rest = rest[rest.index(after: end)...]
            guard result.utf8.count <= ConfigurationLimits.valueBytesMax else {
                throw ValueError("is too long after its replacements")
            }
        }
        return isKnown ? result + rest : nil
    }

    private func lookUp(_ expression: Substring, _ directory: String) throws(ValueError) -> String? {
        if expression.hasPrefix("env:") {
            let parts = expression.dropFirst(4)
            let mark = parts.firstRange(of: ":-")
            let name = String(parts[..<(mark?.lowerBound ?? parts.endIndex)])
            guard !name.isEmpty, !name.contains("="), !name.contains("\0") else {
                throw ValueError("'${\(expression)}' does not name a variable")
            }
            let fallback = mark.map { String(parts[$0.upperBound...]) }
            guard isOpen else { return fallback }
            if let found = variable(name), !found.isEmpty || fallback == nil { return found }
            guard let fallback else { throw ValueError("the environment variable \(name) is not set") }
            return fallback
        }
        if expression.hasPrefix("file:") {
            let path = String(expression.dropFirst(5))
            guard !path.isEmpty, !path.contains("\0") else {
                throw ValueError("'${\(expression)}' does not name a file")
            }
            guard isOpen else { return nil }
            let full = FilePath.resolve(path, in: directory)
            do throws(ValueError) {
                var found = try text(full)
                // Not hasSuffix: "\r\n" is one Character.
                if found.utf8.last == 0x0A { found.unicodeScalars.removeLast() }
                if found.utf8.last == 0x0D { found.unicodeScalars.removeLast() }
                return found
            } catch {
                throw ValueError("\(full) \(error)")
            }
        }
        throw ValueError(
            "'${\(expression)}' is not known: ${env:NAME}, ${env:NAME:-default} or ${file:PATH} is expected"
        )
    }
}

/// Names of files beside the configuration file.
enum FilePath {
    /// The directory part of a file's name; empty where it has none.
    static func directory(of file: String) -> String {
        guard let slash = file.lastIndex(of: "/") else { return "" }
        return slash == file.startIndex ? "/" : String(file[..<slash])
    }

    static func resolve(_ path: String, in directory: String) -> String {
        if path.hasPrefix("/") || directory.isEmpty { return path }
        return directory.hasSuffix("/") ? directory + path : "\(directory)/\(path)"
    }
}
