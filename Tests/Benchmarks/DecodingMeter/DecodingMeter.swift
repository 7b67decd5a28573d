import ArgumentParser

/// What decoding costs, without I/O, merging or printing. `Tests/Benchmarks/stored` and `ceilings` run it.
@main
struct DecodingMeter: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decoding-meter",
        abstract: "Measures the decoder alone; prints one JSON object.",
        subcommands: [StoredScan.self, GeneratedRun.self]
    )
}

/// One measurement, as it is printed.
struct Measurement {
    var events: Int
    var packets: Int
    /// CPU time of the measuring thread, nanoseconds.
    var cpuNs: UInt64
    /// Blocks taken from the heap while measuring.
    var allocations: UInt64

    /// Prints the object on a line of its own.
    func printJSON() {
        print(#"{"events":\#(events),"packets":\#(packets),"cpu_ns":\#(cpuNs),"allocations":\#(allocations)}"#)
    }
}
