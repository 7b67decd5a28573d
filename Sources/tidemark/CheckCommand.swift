import ArgumentParser
import Configuration

/// `tidemark check`: is the configuration file good?
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check a configuration file; print what is wrong and where."
    )

    @Option(help: "The configuration file (YAML).")
    var config: String

    @Flag(help: "Do not look at the environment, nor at other files.")
    var noEnvironment = false

    func run() throws {
        let problems = Configuration.problems(inFile: config, surroundings: noEnvironment ? .none : .process)
        guard problems.isEmpty else {
            for problem in problems { standardError.write(line: "\(problem)") }
            throw ExitStatus.configuration
        }
        standardError.write(line: "\(config): good")
    }
}
