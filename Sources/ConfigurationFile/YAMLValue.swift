internal import Yams

/// A value of the configuration file with the line where it begins: what is left of YAML for us.
struct YAMLValue {
    enum Content {
        case scalar(String)
        case list([YAMLValue])
        case section([Entry])
    }

    struct Entry {
        let key: String
        /// The key's own line, from 1.
        let line: Int
        let value: YAMLValue
    }

    /// A mistake of the file as YAML.
    struct Fault: Error, Equatable {
        let line: Int?
        /// Empty where no key is meant.
        var key = ""
        let message: String
    }

    let line: Int
    let content: Content

    /// True for what YAML calls null: nothing, `~` or `null`.
    let isNull: Bool

    /// Reads one YAML document.
    ///
    /// Hostile files are bounded before and after Yams: it refuses nesting beyond 1,000 levels, and its nodes share
    /// what aliases repeat, so that only walking them (here) and comparing them as keys (there) can take long.
    static func read(_ text: String) throws(Fault) -> YAMLValue {
        guard aliasCount(text) <= ConfigurationLimits.aliasesMax else {
            throw Fault(line: nil, message: "has more than \(ConfigurationLimits.aliasesMax) aliases (*name)")
        }
        let root: Node?
        do {
            root = try Parser(yaml: text, resolver: .basic, encoding: .utf8).singleRoot()
        } catch {
            throw Fault(error, text)
        }
        guard let root else { throw Fault(line: nil, message: "is empty") }
        var count = 0
        return try YAMLValue(root, depth: 0, &count)
    }

    private init(_ node: Node, depth: Int, _ count: inout Int) throws(Fault) {
        line = node.mark?.line ?? 1
        count += 1
        guard count <= ConfigurationLimits.valuesMax else { throw Fault(line: line, message: "has too many values") }
        guard depth <= ConfigurationLimits.depthMax else { throw Fault(line: line, message: "is nested too deeply") }
        switch node {
        case .scalar(let scalar):
            content = .scalar(scalar.string)
            isNull = scalar.style == .plain && ["", "~", "null"].contains(scalar.string)
        case .sequence(let sequence):
            var values: [YAMLValue] = []
            for element in sequence { values.append(try YAMLValue(element, depth: depth + 1, &count)) }
            content = .list(values)
            isNull = false
        case .mapping(let mapping):
            var entries: [Entry] = []
            for (key, value) in mapping {
                guard case .scalar(let name) = key else {
                    throw Fault(line: key.mark?.line ?? line, message: "has a key that is not plain text")
                }
                let line = name.mark?.line ?? line
                entries.append(
                    Entry(key: name.string, line: line, value: try YAMLValue(value, depth: depth + 1, &count))
                )
            }
            content = .section(entries)
            isNull = false
        case .alias: throw Fault(line: line, message: "has an alias without its anchor")
        }
    }

    /// The lines of all keys and elements below this value.
    func collectLines(under path: String, into lines: inout [String: Int]) {
        switch content {
        case .scalar: break
        case .list(let values):
            for (index, value) in values.enumerated() {
                lines["\(path)[\(index)]"] = value.line
                value.collectLines(under: "\(path)[\(index)]", into: &lines)
            }
        case .section(let entries):
            for entry in entries {
                let key = path.isEmpty ? entry.key : "\(path).\(entry.key)"
                lines[key] = entry.line
                entry.value.collectLines(under: key, into: &lines)
            }
        }
    }

    /// An upper bound: `*` at the beginning of a word and before a letter or digit, wherever it stands.
    private static func aliasCount(_ text: String) -> Int {
        var count = 0
        var before: UInt8 = 0x20
        var isAfterStar = false
        for byte in text.utf8 {
            if isAfterStar, isNameByte(byte) { count += 1 }
            isAfterStar = byte == UInt8(ascii: "*") && !isNameByte(before) && before != 0x22 && before != 0x27
            before = byte
        }
        return count
    }

    /// What libyaml takes into the name of an anchor: letters, digits, `_` and `-`.
    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

extension YAMLValue.Fault {
    /// Words and line of what Yams refused.
    fileprivate init(_ error: any Error, _ text: String) {
        switch error {
        case YamlError.scanner(let context, let problem, let mark, _),
            YamlError.parser(let context, let problem, let mark, _),
            YamlError.composer(let context, let problem, let mark, _):
            let told = context.map { " (\($0.text) in line \($0.mark.line))" } ?? ""
            self.init(line: mark.line, message: "is not YAML: \(problem)\(told)")
        case YamlError.reader(let problem, let offset, _, _):
            let line = offset.map { text.prefix($0).utf8.count(where: { $0 == 0x0A }) + 1 }
            self.init(line: line, message: "is not YAML: \(problem)")
        case YamlError.duplicatedKeysInMapping(let names, let context):
            let name = names.first ?? ""
            let line = Self.secondLine(of: name, from: context.mark, in: text)
            self.init(line: line, key: name, message: "is given more than once here")
        default: self.init(line: nil, message: "is not YAML")
        }
    }

    /// Where a key of the mapping that begins at `mark` stands for the second time: in the mapping's own column; the
    /// mapping's first line where all of it is in one.
    private static func secondLine(of key: String, from mark: Mark, in text: String) -> Int {
        var isSecond = false
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated().dropFirst(max(mark.line - 1, 0)) {
            let rest = line.dropFirst(max(mark.column - 1, 0)).drop { $0 == "\"" || $0 == "'" }
            guard rest.hasPrefix(key), rest.dropFirst(key.count).drop(while: { "\"' ".contains($0) }).first == ":"
            else {
                continue
            }
            if isSecond { return index + 1 }
            isSecond = true
        }
        return mark.line
    }
}
