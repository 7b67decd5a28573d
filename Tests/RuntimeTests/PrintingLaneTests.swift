import Dispatch
import Feed
import Synchronization
import Testing

@testable import Runtime

@Suite(.timeLimit(.minutes(1)))
struct PrintingLaneTests {
    @Test
    func `a full lane holds its filler, and lets it go when there is room`() async {
        let mayPrint = DispatchSemaphore(value: 0)
        let printed = Recorder<[Int]>([])
        let held = Recorder<[Bool]>([])
        let lane = PrintingLane<Int> { element in
            mayPrint.wait()
            printed.update { $0.append(element) }
            return .goOn
        }
        lane.connect(held: { isHeld in held.update { $0.append(isHeld) } }, stopped: {})
        for element in 1...31 { lane.submit(element) }
        #expect(held.seen == [])
        lane.submit(32)
        #expect(held.seen == [true])
        for _ in 1...23 { mayPrint.signal() }
        await printed.until { $0.count == 23 }
        #expect(held.seen == [true])
        mayPrint.signal()
        await held.until { $0 == [true, false] }
        for _ in 25...32 { mayPrint.signal() }
        let seen = Recorder<[Int]>([])
        await lane.drain { seen.update { $0 = printed.seen } }
        #expect(seen.seen == Array(1...32))
    }

    @Test
    func `when no more is wanted nothing more is printed, and the filler is told once`() async {
        let printed = Recorder<[Int]>([])
        let stops = Recorder(0)
        let held = Recorder<[Bool]>([])
        let lane = PrintingLane<Int> { element in
            printed.update { $0.append(element) }
            return element >= 3 ? .stop : .goOn
        }
        lane.connect(held: { isHeld in held.update { $0.append(isHeld) } }, stopped: { stops.update { $0 += 1 } })
        for element in 1...100 { lane.submit(element) }
        await lane.drain {}
        #expect(printed.seen == [1, 2, 3])
        #expect(stops.seen == 1)
        #expect(held.seen.last != true)
    }

    @Test
    func `whatever the interleaving, an empty queue holds nobody`() async {
        for _ in 0..<200 {
            let gate = QueueGate(waitingMax: 4, waitingMin: 1)
            let held = Recorder<[Bool]>([])
            gate.connect { isHeld in held.update { $0.append(isHeld) } }
            await withTaskGroup(of: Void.self) { tasks in
                for _ in 0..<4 {
                    tasks.addTask {
                        for _ in 0..<8 { gate.enter() }
                    }
                    tasks.addTask {
                        // Only what has entered leaves.
                        for _ in 0..<8 {
                            while gate.leave() == nil { await Task.yield() }
                        }
                    }
                }
            }
            #expect(held.seen.last != true)
            // It says only what is news.
            #expect(zip(held.seen, held.seen.dropFirst()).allSatisfy { $0 != $1 })
        }
    }
}
