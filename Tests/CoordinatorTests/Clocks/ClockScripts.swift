import Coordinator
import EventMerge
import Feed
import SimulatedRelay

@testable import LTTngLive

/// A traced host whose clock is not ours: what its streams say, by its own clock.
struct SkewedHost {
    var name = "host"
    var uuidByte: UInt8 = 1
    var clockUUID: String? = "c0000000-0000-0000-0000-000000000001"
    var frequencyHz: UInt64 = 1_000_000_000
    /// Added to its clock by its trace's metadata.
    var offsetSeconds: Int64 = 0
    /// The host's clock at a time of the trial, nanoseconds.
    var clockNs: (UInt64) -> UInt64 = { $0 }

    func cycles(_ atNs: UInt64) -> UInt64 {
        let (quotient, remainder) = clockNs(atNs).quotientAndRemainder(dividingBy: 1_000_000_000)
        return quotient * frequencyHz + remainder * frequencyHz / 1_000_000_000
    }

    var metadata: [UInt8] {
        TinyTrace.metadata(
            uuidByte: uuidByte,
            environment: "tracer_name = \"lttng-ust\";",
            clockUUID: clockUUID,
            frequencyHz: frequencyHz,
            offsetSeconds: offsetSeconds
        )
    }

    /// A session with one stream that gives a beacon every 100 ms.
    func beacons(from beginNs: UInt64 = 0, until endNs: UInt64, id: UInt64 = 1, endsAtNs: UInt64? = nil)
        -> ScriptedSession
    {
        let steps: [(atNs: UInt64, step: ScriptedStream.Step)] = stride(
            from: beginNs,
            to: endNs,
            by: Int(UInt64.ms(100))
        )
        .map { ($0, .beacon(cycles($0))) }
        return session(steps, id: id, endsAtNs: endsAtNs)
    }

    /// A session with one stream that gives a packet with one event every 100 ms, and no beacon.
    func packets(until endNs: UInt64, id: UInt64 = 1, readyAtNs: (UInt64) -> UInt64 = { $0 }) -> ScriptedSession {
        var steps: [(atNs: UInt64, step: ScriptedStream.Step)] = []
        var offset: UInt64 = 0
        for (number, atNs) in stride(from: UInt64.ms(100), to: endNs, by: Int(UInt64.ms(100))).enumerated() {
            let packet = TinyTrace.packet(
                from: cycles(atNs - .ms(100)),
                to: cycles(atNs),
                events: [cycles(atNs - .ms(10))],
                number: UInt64(number),
                offset: offset
            )
            offset += UInt64(packet.bytes.count)
            steps.append((readyAtNs(atNs), .packet(packet.index, packet.bytes)))
            steps.append((readyAtNs(atNs), .status(.retry)))
        }
        return session(steps, id: id, endsAtNs: nil)
    }

    /// A session whose trace has events `app:send` and `app:receive`, each in a packet of its own.
    /// - Parameter messages: the true time of each, in order, and its value.
    func messages(_ messages: [(atNs: UInt64, isSend: Bool, value: UInt64)], id: UInt64 = 1) -> ScriptedSession {
        var steps: [(atNs: UInt64, step: ScriptedStream.Step)] = []
        var (offset, beginNs): (UInt64, UInt64) = (0, 0)
        for (number, message) in messages.enumerated() {
            let packet = TinyTrace.packet(
                from: cycles(beginNs),
                to: cycles(message.atNs),
                events: [cycles(message.atNs)],
                number: UInt64(number),
                offset: offset,
                event: message.isSend ? 1 : 2,
                value: message.value
            )
            offset += UInt64(packet.bytes.count)
            beginNs = message.atNs
            steps.append((message.atNs + 1_000, .packet(packet.index, packet.bytes)))
        }
        var session = session(steps, id: id, endsAtNs: nil)
        let text = TinyTrace.eventText(1, name: "app:send") + TinyTrace.eventText(2, name: "app:receive")
        session.streams[0].steps = [(0, .metadata(metadata + Array(text.utf8)))]
        return session
    }

    static let rules = [MessageRule(send: "app:send", receive: "app:receive", field: "value")]

    /// Each second the first host sends to the second, and the second to the first.
    static func exchange(_ first: SkewedHost, _ second: SkewedHost, seconds: UInt64) -> [[ScriptedSession]] {
        var (one, two): ([(atNs: UInt64, isSend: Bool, value: UInt64)], [(atNs: UInt64, isSend: Bool, value: UInt64)])
        (one, two) = ([], [])
        for second in 1..<seconds {
            let atNs = UInt64.ms(1_000 * second)
            one.append((atNs, true, 2 * second))
            two.append((atNs + 200_000 + second % 7 * 10_000, false, 2 * second))
            two.append((atNs + .ms(500), true, 2 * second + 1))
            one.append((atNs + .ms(500) + 300_000 + second % 5 * 20_000, false, 2 * second + 1))
        }
        return [[first.messages(one)], [second.messages(two)]]
    }

    private func session(
        _ steps: [(atNs: UInt64, step: ScriptedStream.Step)],
        id: UInt64,
        endsAtNs: UInt64?
    ) -> ScriptedSession {
        RelayScript.session(
            host: name,
            name: "session-\(id)",
            id: id,
            firstStream: 10 * id,
            metadata: metadata,
            endsAtNs: endsAtNs,
            streams: [steps]
        )
    }
}

extension CoordinatorTrial {
    var clockReports: [ClockReport] {
        records.compactMap { if case .clock(let report) = $0 { report } else { nil } }
    }

    static func of(
        _ hosts: [[ScriptedSession]],
        wallOffsetNs: Int64? = 0,
        corrections: [Int64] = [],
        measured: Set<Int> = [],
        messages: [MessageRule] = []
    ) -> CoordinatorTrial {
        let trial = CoordinatorTrial(
            hosts.map { RelayScript(sessions: $0) },
            stallAfterNs: .ms(30_000),
            lifetime: .service,
            corrections: corrections,
            measured: measured,
            messages: messages
        )
        if let wallOffsetNs { trial.setWallClock(offsetNs: wallOffsetNs) }
        return trial
    }
}
