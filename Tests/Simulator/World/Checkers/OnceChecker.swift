/// No event comes twice.
struct OnceChecker {
    private var seen: Set<UInt64> = []

    mutating func look(_ event: SeenEvent, by reader: String, atNs: UInt64, _ verdict: inout Verdict) {
        guard event.number > 0, !seen.insert(event.number).inserted else { return }
        verdict.found(.once, atNs: atNs, "\(event) came to \(reader) twice")
    }

    /// The reader throws away what it has had of late, because it will come again.
    mutating func forget(_ events: some Sequence<UInt64>) {
        for number in events { seen.remove(number) }
    }
}
