import Testing

@testable import Runtime

struct DeadlineQueueTests {
    @Test func `deadlines come in order, each once`() {
        var queue = DeadlineQueue<String>()
        for (key, atNs) in [("c", 30), ("a", 10), ("d", 40), ("b", 20)] as [(String, UInt64)] {
            queue.set(key, to: atNs)
        }
        queue.set("d", to: 5)
        queue.set("a", to: 25)
        queue.remove("c")
        queue.remove("nobody")
        #expect(queue.earliestNs == 5)
        #expect(queue.takeDue(nowNs: 4) == nil)
        var keys: [String] = []
        while let key = queue.takeDue(nowNs: 100) { keys.append(key) }
        #expect(keys == ["d", "b", "a"])
        #expect(queue.earliestNs == nil && queue.count == 0)
    }

    @Test func `it says what a dictionary says, whatever is set, moved, taken and removed`() {
        var state: UInt64 = 7
        func draw(_ bound: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % bound
        }
        var queue = DeadlineQueue<UInt64>()
        var model: [UInt64: UInt64] = [:]
        var nowNs: UInt64 = 0
        for _ in 0..<6000 {
            let key = draw(200)
            switch draw(4) {
            case 0, 1:
                let atNs = nowNs + draw(1000)
                queue.set(key, to: atNs)
                model[key] = atNs
            case 2:
                queue.remove(key)
                model[key] = nil
            default:
                nowNs += draw(20)
                while let due = queue.takeDue(nowNs: nowNs) {
                    let atNs = model.removeValue(forKey: due)
                    #expect(atNs ?? .max <= nowNs)
                }
            }
            #expect(queue.earliestNs == model.values.min())
            #expect(queue.count == model.count)
        }
        #expect(nowNs > 5000)
    }
}
