/// Points that a line must not pass above, of which only those are kept that no two others imply: their lower hull.
///
/// Points come in any order. Memory: at most `pointsMax` points; where more would be needed every second one is let go,
/// which makes the hull looser and never wrong. Cost of a point: O(points kept).
struct ConstraintHull: Sendable {
    /// A line may not be above `y` at `x`. `y` is less than 2^62 either way; `x` of all points are within 2^50 of each
    /// other.
    struct Point: Sendable, Equatable {
        var x: Int64
        var y: Int64
    }

    static let pointsMax = 32

    /// By ascending `x`; each is below the line through its neighbours.
    private(set) var points: [Point] = []

    mutating func insert(_ new: Point) {
        var place = points.firstIndex { $0.x >= new.x } ?? points.count
        if place < points.count, points[place].x == new.x {
            guard new.y < points[place].y else { return }
            points.remove(at: place)
        } else if place > 0, place < points.count, !Self.isBelow(new, points[place - 1], points[place]) {
            return
        }
        while place + 1 < points.count, !Self.isBelow(points[place], new, points[place + 1]) {
            points.remove(at: place)
        }
        while place > 1, !Self.isBelow(points[place - 1], points[place - 2], new) {
            points.remove(at: place - 1)
            place -= 1
        }
        points.insert(new, at: place)
        if points.count > Self.pointsMax { thin() }
    }

    mutating func removeAll() {
        points.removeAll(keepingCapacity: true)
    }

    /// Lets every second point go, but for the first and the last.
    private mutating func thin() {
        let last = points.count - 1
        points = points.enumerated().filter { $0.offset % 2 == 0 || $0.offset == last }.map(\.element)
    }

    /// Whether `point` is below the line through two points around it.
    private static func isBelow(_ point: Point, _ left: Point, _ right: Point) -> Bool {
        let rise = (Int128(right.y) - Int128(left.y)) * Int128(point.x - left.x)
        return (Int128(point.y) - Int128(left.y)) * Int128(right.x - left.x) < rise
    }
}
