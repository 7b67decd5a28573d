/// Runs worlds.
package enum Simulation {
    /// Runs a seed's world.
    /// - Parameters:
    ///   - repeats: whether to run it twice, to see whether both go the same way.
    ///   - sabotage: a fault to put in.
    ///   - log: told line by line of what happens in the first run.
    package static func run(
        seed: UInt64,
        repeats: Bool = false,
        sabotage: Sabotage? = nil,
        log: ((String) -> Void)? = nil
    ) -> Verdict {
        let plan = PlanBuilder.plan(seed: seed)
        var verdict = World(plan, sabotage: sabotage, log: log).run()
        guard repeats else { return verdict }
        let isAstray = sabotage == .dependOnChance
        verdict.compare(with: World(PlanBuilder.plan(seed: seed), sabotage: sabotage, isAstray: isAstray).run())
        return verdict
    }
}
