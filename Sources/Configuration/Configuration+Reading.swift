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

/// All mistakes of a configuration file, at least one, in the file's order.
package struct ConfigurationError: Error, Sendable, Equatable {
    package let problems: [ConfigurationProblem]
}

/// What `${env:…}` and `${file:…}` may look at.
package struct Surroundings: Sendable {
    /// The process's environment and the files.
    package static let process = Surroundings()
    /// Neither: a value that needs them is taken as right.
    package static let none = Surroundings()
}

extension Configuration {
    /// Reads and checks the file. Problems of the file itself (missing, not YAML) are reported like all others.
    package static func load(file: String) throws(ConfigurationError) -> Configuration {
        throw ConfigurationError(problems: [])
    }

    /// Only checks the file.
    /// - Returns: all mistakes, none where the file is good.
    package static func problems(inFile file: String, surroundings: Surroundings) -> [ConfigurationProblem] { [] }
}
