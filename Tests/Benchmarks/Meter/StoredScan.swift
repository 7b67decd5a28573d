import ArgumentParser
import CTF
import Coordinator
import Glibc
import Runtime

/// Scans stored traces to keys. Their files are in memory before the clock starts.
struct StoredScan: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stored",
        abstract: "Scan the packets of stored traces to keys."
    )

    @Argument(help: "Directories with traces.")
    var directories: [String]

    @Option(help: "How often to scan all of them; the fastest time counts.")
    var rounds = 5

    func validate() throws {
        guard !directories.isEmpty, rounds > 0 else { throw ValidationError("a directory and a round are needed") }
    }

    func run() throws {
        var packets: [MeasuredPacket] = []
        for path in directories {
            let found = TraceDirectory.find(path)
            if let fault = found.faults.first { throw fault }
            for (trace, place) in zip(found.traces, found.places) {
                packets += try Self.packets(of: trace, in: place.directory.text)
            }
        }
        let capacity = packets.map { Int($0.contentBits / 8) }.max() ?? 1
        var keys = EventKeyBuffer(capacity: capacity)
        var best: Measurement?
        for _ in 0..<rounds {
            let round = try measured { () throws(PacketError) in
                var events = 0
                for packet in packets {
                    try packet.scan(into: &keys)
                    events += keys.count
                }
                return (events, packets.count)
            }
            if round.cpuNs < best?.cpuNs ?? .max { best = round }
        }
        best?.printJSON()
    }

    private static func packets(of trace: StoredTrace, in directory: String) throws -> [MeasuredPacket] {
        var reader = MetadataReader()
        try trace.metadata.withUnsafeBytes { bytes in
            Result { () throws(MetadataError) in try reader.append(bytes) }
        }.get()
        try reader.finish()
        guard let traceClass = reader.traceClass else { return [] }
        let program = try TraceProgram(traceClass)
        var packets: [MeasuredPacket] = []
        for file in trace.files {
            let memory = try read("\(directory)/\(file.name)", count: Int(file.byteCount))
            var offset = 0
            while offset < memory.count {
                let rest = UnsafeRawBufferPointer(rebasing: memory[offset...])
                let preamble = try program.readPreamble(PacketBytes(rest))
                let count = preamble.totalBits.map { Int($0 / 8) } ?? rest.count
                packets.append(try MeasuredPacket(UnsafeRawBufferPointer(rebasing: rest[..<count]), program))
                offset += count
            }
        }
        return packets
    }

    /// The file's bytes, which stay for the process's life.
    private static func read(_ path: String, count: Int) throws -> UnsafeRawBufferPointer {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
        guard let file = fopen(path, "rb") else { throw ValidationError("\(path): cannot be opened") }
        defer { fclose(file) }
        guard fread(memory.baseAddress, 1, count, file) == count else {
            throw ValidationError("\(path): cannot be read")
        }
        return UnsafeRawBufferPointer(memory)
    }
}
