/// One mistake of a configuration file: `file:line: key: what is wrong`.
package struct ConfigurationProblem: Sendable, Equatable {
    package let file: String
    /// From 1; nil where the file as a whole is meant.
    package let line: Int?
    /// As `relays[0].url`; empty where no key is meant.
    package let key: String
    package let message: String

    package init(file: String, line: Int?, key: String, message: String) {
        self.file = file
        self.line = line
        self.key = key
        self.message = message
    }
}

extension ConfigurationProblem: CustomStringConvertible {
    package var description: String {
        file + (line.map { ":\($0)" } ?? "") + ": " + (key.isEmpty ? "" : key + ": ") + message
    }
}

/// All mistakes of a configuration file, at least one, in the file's order.
package struct ConfigurationError: Error, Sendable, Equatable {
    package let problems: [ConfigurationProblem]
}

extension ConfigurationError: CustomStringConvertible {
    /// One line each.
    package var description: String { problems.map(\.description).joined(separator: "\n") }
}

extension Configuration {
    /// Reads and checks the file. Problems of the file itself (missing, not YAML) are reported like all others.
    package static func load(
        file: String,
        surroundings: Surroundings = .process
    ) throws(ConfigurationError) -> Configuration {
        let (configuration, problems) = examine(file: file, surroundings)
        if let configuration, problems.isEmpty { return configuration }
        guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
        // Only where `surroundings` is `.none`: good as far as it goes, but not to be used.
        let message = "needs the environment or other files to be complete"
        throw ConfigurationError(problems: [ConfigurationProblem(file: file, line: nil, key: "", message: message)])
    }

    /// Only checks the file.
    /// - Parameter surroundings: `.none` for `check --no-environment`.
    /// - Returns: all mistakes, none where the file is good.
    package static func problems(
        inFile file: String,
        surroundings: Surroundings = .process
    ) -> [ConfigurationProblem] { examine(file: file, surroundings).problems }

    /// Where the keys of a file stand, for messages about what they name: lines from 1 by keys as `relays[0].url`.
    /// - Returns: none where the file cannot be read any more.
    package static func lines(inFile file: String) -> [String: Int] {
        guard let text = try? TextFile.read(file, bytesMax: ConfigurationLimits.fileBytesMax),
            let root = try? YAMLValue.read(text)
        else { return [:] }
        var lines: [String: Int] = [:]
        root.collectLines(under: "", into: &lines)
        return lines
    }

    /// Reads and checks the text of a file.
    /// - Parameter file: its name, for messages and as the place where relative names begin.
    /// - Returns: the configuration, nil where it is not complete, and all mistakes.
    package static func parse(
        _ text: String,
        file: String,
        surroundings: Surroundings
    ) -> (configuration: Configuration?, problems: [ConfigurationProblem]) {
        guard text.utf8.count <= ConfigurationLimits.fileBytesMax else {
            return refusal(file, nil, "is larger than \(ConfigurationLimits.fileBytesMax) bytes")
        }
        let root: YAMLValue
        do throws(YAMLValue.Fault) {
            root = try YAMLValue.read(text)
        } catch {
            return refusal(file, error.line, error.message, key: error.key)
        }
        let checker = Checker(file: file, surroundings: surroundings)
        let configuration = checker.configuration(root)
        return (checker.problems.isEmpty ? configuration : nil, checker.sortedProblems)
    }

    private static func examine(
        file: String,
        _ surroundings: Surroundings
    ) -> (configuration: Configuration?, problems: [ConfigurationProblem]) {
        let text: String
        do throws(ValueError) {
            text = try TextFile.read(file, bytesMax: ConfigurationLimits.fileBytesMax)
        } catch {
            return refusal(file, nil, error.description)
        }
        return parse(text, file: file, surroundings: surroundings)
    }

    private static func refusal(
        _ file: String,
        _ line: Int?,
        _ message: String,
        key: String = ""
    ) -> (configuration: Configuration?, problems: [ConfigurationProblem]) {
        (nil, [ConfigurationProblem(file: file, line: line, key: key, message: message)])
    }
}
