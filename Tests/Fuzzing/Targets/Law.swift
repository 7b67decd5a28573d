/// Traps where a law does not hold, and says which: also where the optimiser takes the words of a `precondition` away.
func law(_ holds: Bool, _ law: @autoclosure () -> String) {
    if !holds { brokenLaw(law()) }
}

func brokenLaw(_ law: String) -> Never {
    fatalError("broken law: \(law)")
}
