import ArgumentParser

/// What decoding and merging cost, each alone and all together, without I/O or printing; subscribers that cost little;
/// and libssl alone. The commands of `Tests/Benchmarks` run it.
@main
struct Meter: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tidemark-meter",
        abstract: "Measures parts alone, or reads a feed; prints one JSON object.",
        subcommands: [
            StoredScan.self, GeneratedRun.self, FilterRun.self, MergeRounds.self, PathRun.self, Subscribers.self,
            BareWriter.self, TimelineRun.self,
        ]
    )
}

/// One measurement, as it is printed.
struct Measurement {
    var events: Int
    /// Packets, or chunks of a merge.
    var packets: Int
    /// CPU time of the measuring thread, nanoseconds.
    var cpuNs: UInt64
    /// Blocks taken from the heap while measuring.
    var allocations: UInt64

    static func += (sum: inout Measurement, part: Measurement) {
        sum.events += part.events
        sum.packets += part.packets
        sum.cpuNs += part.cpuNs
        sum.allocations += part.allocations
    }

    /// Prints the object on a line of its own.
    func printJSON() {
        print(#"{"events":\#(events),"packets":\#(packets),"cpu_ns":\#(cpuNs),"allocations":\#(allocations)}"#)
    }
}
