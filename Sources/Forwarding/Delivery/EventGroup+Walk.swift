import Feed

extension EventGroup {
    /// Goes through the events in their order.
    /// - Parameter body: told the event's slice, its index in the order, and how it is late.
    func forEachEvent(_ body: (_ slice: Int, _ index: Int, _ late: Late?) -> Void) {
        var late = self.late[...]
        var index = 0
        for run in order {
            for _ in 0..<run.count {
                let lateness = late.first.flatMap { Int($0.index) == index ? $0 : nil }
                if lateness != nil { late.removeFirst() }
                body(Int(run.slice), index, lateness)
                index += 1
            }
        }
    }
}
