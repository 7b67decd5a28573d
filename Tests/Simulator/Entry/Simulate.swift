import ArgumentParser
import Glibc
import Simulator

/// Runs worlds by their seeds, and says which of them break a promise. See `Tests/Simulator/run`.
@main
struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Run simulated worlds; exit with 1 when a checker has found something."
    )

    @Option(help: "Run this world alone, twice.")
    var seed: UInt64?

    @Option(help: "How many worlds to run.")
    var seeds: UInt64 = 2000

    @Option(help: "The first world's seed.")
    var first: UInt64 = 1

    @Option(help: "Stop after so many worlds that failed.")
    var failures = 10

    @Flag(help: "Print what happens in the world of --seed.")
    var trace = false

    func run() throws {
        if let seed {
            let verdict = Simulation.run(seed: seed, repeats: true, log: trace ? { Self.say($0) } : nil)
            Self.say(
                "seed \(seed): \(verdict.deliveredCount) of \(verdict.eventCount) events, hash \(verdict.traceHash)"
            )
            report(verdict)
            throw verdict.findings.isEmpty ? ExitCode.success : ExitCode.failure
        }
        var (failed, events, delivered, hash): (Int, Int, Int, UInt64) = (0, 0, 0, 0)
        var ran: UInt64 = 0
        for number in 0..<seeds where failed < failures {
            // Every tenth twice: to see that a seed decides all.
            let verdict = Simulation.run(seed: first &+ number, repeats: number % 10 == 0)
            ran += 1
            events += verdict.eventCount
            delivered += verdict.deliveredCount
            hash = hash &* 31 &+ verdict.traceHash
            guard !verdict.findings.isEmpty else { continue }
            failed += 1
            report(verdict)
        }
        Self.say("\(ran) worlds from seed \(first) on, \(events) events, \(delivered) in the last feeds, hash \(hash)")
        if failed > 0 {
            Self.say("\(failed) worlds failed")
            throw ExitCode.failure
        }
    }

    private func report(_ verdict: Verdict) {
        for finding in verdict.findings { Self.say("seed \(verdict.seed): \(finding)") }
        if !verdict.findings.isEmpty { Self.say("again: \(verdict.replayCommand)") }
    }

    private static func say(_ line: String) {
        var bytes = Array((line + "\n").utf8)[...]
        while !bytes.isEmpty {
            let written = bytes.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            guard written > 0 else { return }
            bytes = bytes.dropFirst(written)
        }
    }
}
