import Testing

@testable import Runtime

struct WallClockTests {
    @Test
    func `the offset is told at first, and is not looked at again for a second`() {
        var clock = WallClock()
        let first = clock.change(nowNs: 5)
        let second = clock.change(nowNs: 1_000_000_004)
        #expect(first != nil && second == nil)
    }
}
