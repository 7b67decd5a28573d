import SimulatedRelay

/// A relay's host: the process that runs there now.
struct RelayHost {
    /// A non-copyable relay where a reference is wanted.
    final class Machine {
        var relay: SimulatedRelay
        init(_ relay: consuming SimulatedRelay) { self.relay = relay }
    }

    /// Nil while no process runs.
    var machine: Machine?
    var life = 0
    /// When it is to be looked at again.
    var wakeNs: UInt64?
    /// Until then nothing gets through to it.
    var partitionedUntilNs: UInt64 = 0

    init(_ relay: consuming SimulatedRelay) {
        machine = Machine(relay)
    }
}

extension World {
    func killRelay(_ relay: Int) {
        breakLines(of: relay)
        relays[relay].machine = nil
        relays[relay].wakeNs = nil
    }

    func startRelay(_ relay: Int, _ life: Int) {
        relays[relay].life = life
        relays[relay].machine = RelayHost.Machine(SimulatedRelay(plan.relays[relay].lives[life].script))
    }
}
