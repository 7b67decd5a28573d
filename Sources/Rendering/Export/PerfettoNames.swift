import CTF

/// The names that one machine's packets refer to by number, which begin with 1. The first packet that has need of a
/// name brings it along. Confined to whoever owns the export.
final class PerfettoNames {
    /// Names that have a number; those behind them are written out each time.
    private static let namesMax = 1 << 16

    enum Kind: UInt64 {
        /// Member of `InternedData`.
        case event = 2
        case annotation = 3
    }

    private var events: [String: UInt32] = [:]
    private var annotations: [String: UInt32] = [:]
    /// Names with a number that no packet has brought yet.
    private var pending: [(kind: Kind, number: UInt32, name: String)] = []

    var hasPending: Bool { !pending.isEmpty }

    /// - Returns: 0 where a name gets none.
    func number(_ name: String, _ kind: Kind) -> UInt32 {
        if let known = kind == .event ? events[name] : annotations[name] { return known }
        let number = UInt32((kind == .event ? events.count : annotations.count) + 1)
        guard number <= Self.namesMax else { return 0 }
        if kind == .event { events[name] = number } else { annotations[name] = number }
        pending.append((kind, number, name))
        return number
    }

    /// Appends `TracePacket.interned_data` with what no packet has brought yet.
    func appendPending(to pen: inout OutputPen) {
        let data = pen.openMessage(12)
        for name in pending {
            let entry = pen.openMessage(name.kind.rawValue)
            pen.appendNumber(1, UInt64(name.number))
            pen.appendText(2, name.name)
            pen.closeMessage(entry)
        }
        pen.closeMessage(data)
        pending.removeAll(keepingCapacity: true)
    }
}

/// A trace program made ready: what its names are called on each machine, by number, and its labels.
final class PerfettoProgram {
    /// Names of one machine; 0 where they have not been met.
    struct Numbers: BitwiseCopyable {
        let events: UnsafeMutablePointer<UInt32>
        let fields: UnsafeMutablePointer<UInt32>
    }

    let program: TraceProgram
    let clocks: UnsafeMutablePointer<ClockConversion?>
    let lookups: UnsafeMutablePointer<EnumerationLookup>
    /// By machine.
    private var numbers: [Numbers?] = []

    init(_ program: TraceProgram) {
        self.program = program
        clocks = allocated(program.events.map { $0.clockConversion })
        lookups = allocated(program.enumerations.map { EnumerationLookup($0) })
    }

    deinit {
        for index in program.enumerations.indices { lookups[index].deallocate() }
        lookups.deallocate()
        clocks.deallocate()
        for case let numbers? in numbers {
            numbers.events.deallocate()
            numbers.fields.deallocate()
        }
    }

    func numbers(machine: Int) -> Numbers {
        if machine < numbers.count, let known = numbers[machine] { return known }
        while numbers.count <= machine { numbers.append(nil) }
        let made = Numbers(
            events: allocated(program.events.map { _ in 0 }),
            fields: allocated(program.fields.map { _ in 0 })
        )
        numbers[machine] = made
        return made
    }
}
