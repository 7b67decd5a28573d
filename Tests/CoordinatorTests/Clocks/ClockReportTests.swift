import Coordinator
import Feed
import SimulatedRelay
import Testing

struct ClockReportTests {
    /// Longer than beacons take to come, poll and way, nanoseconds.
    private let wayNs: Int64 = 120_000_000

    @Test
    func `a clock that runs ahead is proven to, and reported once`() throws {
        let host = SkewedHost(clockNs: { $0 + .ms(5_000) })
        let trial = CoordinatorTrial.of([[host.beacons(until: .ms(60_000))]], corrections: [-7])
        trial.run(untilNs: .ms(50_000))
        // Drift becomes known on the way.
        let reports = trial.clockReports
        #expect((1...2).contains(reports.count))
        let report = try #require(reports.first)
        #expect(report.relay == "relay-0" && report.host == "host" && report.isAgainstCoordinator)
        #expect(report.clock == "c0000000-0000-0000-0000-000000000001")
        #expect(report.quality == .oneSided && report.upperNs == nil && report.stepNs == nil)
        let lowerNs = try #require(report.lowerNs)
        #expect(lowerNs <= 5_000_000_000 && lowerNs >= 5_000_000_000 - wayNs)
        #expect(report.correctionNs == -7 && report.spreadNs == 0)
        #expect(trial.notes.contains { $0.text.contains("clock of host host is at least 4") && $0.level == .warning })
    }

    @Test
    func `a clock that is right is not said to be ahead`() throws {
        let trial = CoordinatorTrial.of([[SkewedHost().beacons(until: .ms(30_000))]])
        trial.run(untilNs: .ms(20_000))
        let lowerNs = try #require(trial.clockReports.first?.lowerNs)
        #expect(lowerNs <= 0 && lowerNs >= -wayNs)
        #expect(!trial.notes.contains { $0.text.contains("ahead of ours") })
    }

    @Test
    func `nothing is said without a wall clock`() {
        let trial = CoordinatorTrial.of([[SkewedHost().beacons(until: .ms(30_000))]], wallOffsetNs: nil)
        trial.run(untilNs: .ms(20_000))
        #expect(trial.clockReports.isEmpty)
    }

    @Test(arguments: [Int64(3_000), -3_000])
    func `a step is said with its error`(byMs: Int64) throws {
        let host = SkewedHost(clockNs: { atNs in
            UInt64(Int64(atNs) + 10_000_000_000 + (atNs >= .ms(30_000) ? byMs * 1_000_000 : 0))
        })
        let trial = CoordinatorTrial.of([[host.beacons(until: .ms(90_000))]])
        trial.run(untilNs: .ms(80_000))
        let steps = trial.clockReports.filter { $0.stepNs != nil }
        #expect(steps.count == 1)
        let step = try #require(steps.first)
        let stepNs = try #require(step.stepNs)
        #expect(abs(stepNs - byMs * 1_000_000) <= Int64(step.stepErrorNs) + 1_000_000)
        #expect(step.stepErrorNs < wayNs.magnitude)
        let lowerNs = try #require(step.lowerNs)
        let skewNs = 10_000_000_000 + byMs * 1_000_000
        #expect(lowerNs <= skewNs && lowerNs >= skewNs - wayNs)
        #expect(trial.notes.contains { $0.text.contains("has jumped by") })
    }

    @Test
    func `a step of our own clock is no step of theirs`() throws {
        let trial = CoordinatorTrial.of([[SkewedHost().beacons(until: .ms(60_000))]])
        trial.run(untilNs: .ms(20_000))
        trial.setWallClock(offsetNs: -4_000_000_000)
        trial.run(untilNs: .ms(50_000))
        #expect(trial.clockReports.allSatisfy { $0.stepNs == nil })
        let lowerNs = try #require(trial.clockReports.last?.lowerNs)
        #expect(lowerNs <= 4_000_000_000 && lowerNs >= 4_000_000_000 - wayNs)
    }

    @Test
    func `a drift is said within its error`() throws {
        // 80 ppm.
        let host = SkewedHost(clockNs: { $0 + $0 / 12_500 })
        let trial = CoordinatorTrial.of([[host.beacons(until: .ms(400_000))]])
        trial.run(untilNs: .ms(390_000))
        let report = try #require(trial.clockReports.last { $0.driftPpb != nil })
        let driftPpb = try #require(report.driftPpb)
        #expect(abs(driftPpb - 80_000) <= Int64(report.driftErrorPpb))
        #expect(report.driftErrorPpb < 80_000)
        #expect(trial.clockReports.allSatisfy { $0.stepNs == nil })
        // One in ten seconds at most, and one for the first drift.
        #expect(trial.clockReports.count <= 40)
    }

    @Test
    func `a stream that is never idle is watched by its packets, but not by those that waited`() throws {
        let host = SkewedHost(clockNs: { $0 + .ms(2_000) })
        // From 30 s to 40 s the relay gives nothing, and then all of it.
        let session = host.packets(until: .ms(80_000)) { (.ms(30_000)...(.ms(40_000))).contains($0) ? .ms(40_000) : $0 }
        let trial = CoordinatorTrial.of([[session]])
        trial.run(untilNs: .ms(75_000))
        let report = try #require(trial.clockReports.first)
        let lowerNs = try #require(report.lowerNs)
        #expect(lowerNs <= 2_000_000_000 && lowerNs >= 2_000_000_000 - wayNs)
        #expect(trial.clockReports.allSatisfy { $0.stepNs == nil && $0.quality == .oneSided })
        #expect(trial.clockReports.contains { $0.driftPpb != nil } || trial.clockReports.count == 1)
    }

    @Test
    func `clocks of other frequencies and offsets are read alike`() throws {
        for frequencyHz in [1_000_000, 32_768, 3_579_545, 1_000_000_000, 10_000_000_000] as [UInt64] {
            var host = SkewedHost(frequencyHz: frequencyHz, clockNs: { $0 })
            host.offsetSeconds = 1_700_000_000
            let trial = CoordinatorTrial.of(
                [[host.beacons(until: .ms(12_000))]],
                wallOffsetNs: 1_699_999_999_000_000_000
            )
            trial.run(untilNs: .ms(10_000))
            let lowerNs = try #require(trial.clockReports.first?.lowerNs)
            #expect(lowerNs <= 1_000_000_000 && lowerNs >= 1_000_000_000 - wayNs, "at \(frequencyHz) Hz")
        }
    }

    @Test
    func `sessions of one host that differ in their offsets are one clock, told with their spread`() throws {
        var later = SkewedHost(uuidByte: 2)
        later.offsetSeconds = 3
        let sessions = [
            SkewedHost().beacons(until: .ms(60_000)),
            later.beacons(until: .ms(60_000), id: 2, endsAtNs: .ms(30_000)),
        ]
        let trial = CoordinatorTrial.of([sessions])
        trial.run(untilNs: .ms(25_000))
        let report = try #require(trial.clockReports.last)
        #expect(Set(trial.clockReports.map(\.clock)).count == 1)
        #expect(report.spreadNs == 3_000_000_000)
        // What is said holds for either: the one behind is not ahead.
        let lowerNs = try #require(report.lowerNs)
        #expect(lowerNs <= 0 && lowerNs >= -wayNs)
        #expect(trial.clockReports.allSatisfy { $0.stepNs == nil })
    }

    /// A session that is there all the time, and one that joins after ten seconds and has packets of the last five.
    private func joined(aheadSeconds: Int64) -> CoordinatorTrial {
        let behind = SkewedHost(uuidByte: 2, clockNs: { $0 + .ms(10_000) })
        var ahead = SkewedHost(clockNs: { $0 + .ms(10_000) })
        ahead.offsetSeconds = aheadSeconds
        var joining = behind.packets(until: .ms(20_000), id: 2) { max($0, .ms(10_000)) }
        joining.appearsAtNs = .ms(10_000)
        // Two steps a packet, ten packets a second.
        joining.streams[1].steps.removeFirst(2 * 50)
        let trial = CoordinatorTrial.of([[ahead.packets(until: .ms(30_000)), joining]])
        trial.run(untilNs: .ms(25_000))
        return trial
    }

    @Test
    func `what is late only because the offsets of one host differ is flagged as such`() {
        let events = joined(aheadSeconds: 3).events
        let late = events.filter { $0.lateNs > 0 }
        #expect(late.allSatisfy { $0.stream >= 20 && $0.isLateByClock == ($0.lateNs <= 3_000_000_000) })
        // Some would have been late by the same clock, too.
        #expect(late.contains { $0.isLateByClock } && late.contains { !$0.isLateByClock })
        #expect(events.allSatisfy { $0.lateNs > 0 || !$0.isLateByClock })
    }

    @Test
    func `an event that is late for other reasons is not flagged`() {
        let events = joined(aheadSeconds: 0).events
        #expect(events.contains { $0.lateNs > 0 })
        #expect(events.allSatisfy { !$0.isLateByClock })
    }

    @Test
    func `hosts of one name with clocks of their own are told apart`() {
        var other = SkewedHost(uuidByte: 2, clockUUID: "c0000000-0000-0000-0000-000000000002")
        other.clockNs = { $0 + .ms(9_000) }
        let trial = CoordinatorTrial.of([
            [SkewedHost().beacons(until: .ms(30_000))], [other.beacons(until: .ms(30_000))],
        ])
        trial.run(untilNs: .ms(20_000))
        #expect(Set(trial.clockReports.map(\.clock)).count == 2)
        for report in trial.clockReports {
            let isAhead = (report.lowerNs ?? 0) > 8_000_000_000
            #expect(isAhead == (report.relay == "relay-1"))
        }
    }

    @Test
    func `a clock that is gone is said to be`() {
        let trial = CoordinatorTrial.of([[SkewedHost().beacons(until: .ms(20_000), endsAtNs: .ms(15_000))]])
        trial.run(untilNs: .ms(40_000))
        #expect(trial.clockReports.map(\.quality).last == .absent)
        #expect(trial.clockReports.count { $0.quality == .absent } == 1)
    }

    @Test
    func `a clock that does not count from the epoch is not compared`() {
        let steps: [(atNs: UInt64, step: ScriptedStream.Step)] = (0..<200).map {
            (.ms(100 * $0), .beacon(.ms(100 * $0)))
        }
        let session = RelayScript.session(
            metadata: TinyTrace.metadata(environment: "tracer_name = \"lttng-ust\";", clockName: "boot"),
            streams: [steps]
        )
        let trial = CoordinatorTrial.of([[session]])
        trial.run(untilNs: .ms(15_000))
        #expect(trial.clockReports.isEmpty)
    }

    @Test(arguments: [Int64(0), .max, .min])
    func `beacons of any value are survived, and make few reports`(offsetSeconds: Int64) {
        let values: [UInt64] = [0, 1 << 61, .max, 1, 1 << 60, 1 << 63, (1 << 63) - 1, 1 << 61 + 1]
        let steps: [(atNs: UInt64, step: ScriptedStream.Step)] = (0..<1_000).map { number in
            (.ms(100 * number), .beacon(values[Int(number) / 70 % values.count]))
        }
        let environment = "tracer_name = \"lttng-ust\";"
        let metadata = TinyTrace.metadata(environment: environment, offsetSeconds: offsetSeconds)
        let trial = CoordinatorTrial.of([[RelayScript.session(metadata: metadata, streams: [steps])]])
        trial.run(untilNs: .ms(90_000))
        #expect(trial.clockReports.count < 30)
        if offsetSeconds == 0 { #expect(!trial.clockReports.isEmpty) }
    }
}
