/// "Did you mean …?"
enum Suggestion {
    /// The candidate that differs from `word` by few letters inserted, left out, changed or swapped.
    /// - Returns: nil where none does.
    static func nearest(to word: String, among candidates: [String]) -> String? {
        guard word.utf8.count <= 64 else { return nil }
        let limit = max(1, min(3, word.utf8.count / 3))
        let rated = candidates.map { ($0, distance(Array(word.lowercased().utf8), Array($0.utf8))) }
        guard let best = rated.min(by: { $0.1 < $1.1 }), best.1 <= limit else { return nil }
        return best.0
    }

    /// The edit distance, neighbours swapped counted once.
    private static func distance(_ first: [UInt8], _ second: [UInt8]) -> Int {
        var beforeLast = [Int](repeating: 0, count: second.count + 1)
        var last = Array(0...second.count)
        for row in 0..<first.count {
            var current = [row + 1]
            for column in 0..<second.count {
                let same = first[row] == second[column]
                var best = min(last[column] + (same ? 0 : 1), last[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, first[row] == second[column - 1], first[row - 1] == second[column] {
                    best = min(best, beforeLast[column - 1] + 1)
                }
                current.append(best)
            }
            beforeLast = last
            last = current
        }
        return last[second.count]
    }
}
