import ArgumentParser
import ConfigurationFile
import Runtime

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
        let problems = problems()
        guard problems.isEmpty else {
            for problem in problems { standardError.write(line: "\(problem)") }
            throw ExitStatus.configuration
        }
        standardError.write(line: "\(config): good")
    }

    private func problems() -> [ConfigurationProblem] {
        if noEnvironment { return Configuration.problems(inFile: config, surroundings: .none) }
        do throws(ConfigurationError) {
            let configuration = try Configuration.load(file: config)
            return FeedCredentials.problems(of: configuration.feed, file: config)
                + ClientCredentials.problems(of: configuration, file: config)
                + HTTPAccess.problems(of: configuration, file: config)
                + ForwarderChecks.problems(of: configuration.forward, file: config)
        } catch {
            return error.problems
        }
    }
}
