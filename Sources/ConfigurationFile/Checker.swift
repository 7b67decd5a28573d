/// Reads values of known kinds out of the file's tree, and collects what is wrong with them. Used once, by one thread.
///
/// A reading function gives nil both for a mistake, which is then among the problems, and for a value that cannot be
/// known without looking at the surroundings; callers go on either way, so that all mistakes are found in one run.
final class Checker {
    private let file: String
    private let directory: String
    private let surroundings: Surroundings
    private(set) var problems: [ConfigurationProblem] = []

    init(file: String, surroundings: Surroundings) {
        self.file = file
        self.directory = FilePath.directory(of: file)
        self.surroundings = surroundings
    }

    /// In the file's order, cut at the limit.
    var sortedProblems: [ConfigurationProblem] {
        let sorted = problems.enumerated().sorted {
            ($0.element.line ?? 0, $0.offset) < ($1.element.line ?? 0, $1.offset)
        }
        return sorted.prefix(ConfigurationLimits.problemsMax).map(\.element)
    }

    func report(_ message: String, line: Int, key: String) {
        problems.append(ConfigurationProblem(file: file, line: line, key: key, message: message))
    }

    // MARK: Sections

    /// A mapping whose keys are all known and allowed in this version.
    struct Section {
        /// As `relays[0]`; empty for the file itself.
        let path: String
        let line: Int
        fileprivate let entries: [String: YAMLValue.Entry]

        func path(of key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
        func has(_ key: String) -> Bool { entries[key] != nil }
        func line(of key: String) -> Int { entries[key]?.line ?? line }
    }

    func section(_ value: YAMLValue, path: String, keys: [String]) -> Section? {
        guard case .section(let entries) = value.content else {
            let expected = "a section is expected, with the keys \(keys.joined(separator: ", "))"
            report(value.isNull ? "has no value: \(expected)" : expected, line: value.line, key: path)
            return nil
        }
        let section = Section(
            path: path,
            line: value.line,
            entries: Dictionary(entries.map { ($0.key, $0) }) { first, _ in first }
        )
        for entry in entries {
            let key = section.path(of: entry.key.printable)
            guard keys.contains(entry.key) else {
                let guess = Suggestion.nearest(to: entry.key, among: keys)
                let hint = guess.map { "did you mean '\($0)'?" } ?? "known here are \(keys.joined(separator: ", "))"
                report("unknown key; \(hint)", line: entry.line, key: key)
                continue
            }
        }
        return section
    }

    /// The section under a key; nil also where the key is not given.
    func section(_ parent: Section, _ key: String, keys: [String]) -> Section? {
        parent.entries[key].flatMap { section($0.value, path: parent.path(of: key), keys: keys) }
    }

    // MARK: Lists

    /// The elements under a key with their paths; nil where the key is not given, or is no list.
    func list(_ section: Section, _ key: String) -> [(value: YAMLValue, path: String)]? {
        guard let entry = section.entries[key] else { return nil }
        let path = section.path(of: key)
        guard case .list(let values) = entry.value.content else {
            let message =
                switch entry.value.content {
                case .scalar where entry.value.isNull: "has no value: a list is expected"
                case .scalar(let text): "a list is expected, as [\"\(text.printable)\"]"
                case .list, .section: "a list is expected"
                }
            report(message, line: entry.line, key: path)
            return nil
        }
        return values.enumerated().map { ($1, "\(path)[\($0)]") }
    }

    /// The values of a list; none where the key is not given. Nil where any cannot be had.
    func elements<Value>(_ section: Section, _ key: String, _ read: (YAMLValue, String) -> Value?) -> [Value]? {
        guard section.has(key) else { return [] }
        guard let elements = list(section, key) else { return nil }
        let values = elements.map { read($0.value, $0.path) }
        let complete = values.compactMap(\.self)
        return complete.count == values.count ? complete : nil
    }

    /// The entries of a section whose keys are the user's; none where the key is not given. Nil where it is no section.
    func entries(_ section: Section, _ key: String) -> [YAMLValue.Entry]? {
        guard let entry = section.entries[key] else { return [] }
        guard case .section(let entries) = entry.value.content else {
            report("names and values are expected", line: entry.line, key: section.path(of: key))
            return nil
        }
        return entries
    }

    /// A list of globs that is not empty; `*` where the key is not given.
    func globs(_ section: Section, _ key: String) -> [Glob]? {
        guard section.has(key) else { return [Glob("*")] }
        guard let elements = list(section, key) else { return nil }
        if elements.isEmpty {
            report("is empty: it would match nothing", line: section.line(of: key), key: section.path(of: key))
        }
        var globs: [Glob] = []
        for element in elements {
            guard let text = text(element.value, path: element.path) else { return nil }
            globs.append(Glob(text))
        }
        return globs
    }

    // MARK: Scalars

    /// A required value: not given is a mistake.
    func required<Value>(
        _ section: Section,
        _ key: String,
        _ read: (String) throws(ValueError) -> Value
    ) -> Value? {
        guard section.has(key) else {
            report("is missing", line: section.line, key: section.path(of: key))
            return nil
        }
        return optional(section, key, read)
    }

    func optional<Value>(
        _ section: Section,
        _ key: String,
        _ read: (String) throws(ValueError) -> Value
    ) -> Value? {
        section.entries[key].flatMap { value($0.value, path: section.path(of: key), read) }
    }

    /// A single value.
    func value<Value>(_ value: YAMLValue, path: String, _ read: (String) throws(ValueError) -> Value) -> Value? {
        guard let text = text(value, path: path) else { return nil }
        do throws(ValueError) {
            return try read(text)
        } catch {
            report(error.description.printable, line: value.line, key: path)
            return nil
        }
    }

    /// The name of a file, relative ones beside the configuration file.
    func fileName(_ text: String) throws(ValueError) -> String {
        guard !text.contains("\0") else { throw ValueError("is not a file's name") }
        return FilePath.resolve(text, in: directory)
    }

    /// A scalar after its replacements, not empty.
    private func text(_ value: YAMLValue, path: String) -> String? {
        guard case .scalar(let text) = value.content else {
            report("a single value is expected", line: value.line, key: path)
            return nil
        }
        if value.isNull {
            report("has no value", line: value.line, key: path)
            return nil
        }
        do throws(ValueError) {
            let replaced = try surroundings.replace(in: text, directory: directory)
            if replaced?.isEmpty == true { throw ValueError("is empty") }
            return replaced
        } catch {
            report(error.description.printable, line: value.line, key: path)
            return nil
        }
    }
}

extension String {
    /// The text without control characters, at most 512 characters: messages quote what a file holds.
    fileprivate var printable: String {
        var scalars = String.UnicodeScalarView()
        for scalar in unicodeScalars.prefix(512) where scalar.properties.generalCategory != .control {
            scalars.append(scalar)
        }
        return String(scalars)
    }
}
