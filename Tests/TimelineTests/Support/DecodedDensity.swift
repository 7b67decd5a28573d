import Testing

/// A body of counts, read back.
struct DecodedDensity: Equatable {
    struct Lane: Equatable {
        var id: UInt32
        /// By plane and column.
        var planes: [[UInt64]]
    }

    var level: Int
    var flags: UInt8
    var columns: Int
    var watermarkNs: Int64
    var known: Range<Int>
    var lanes: [Lane] = []

    init(_ bytes: [UInt8]) throws {
        try #require(bytes.count >= 24)
        try #require(Array(bytes[0..<4]) == Array("TMD1".utf8))
        func number(_ offset: Int, _ count: Int) -> UInt64 {
            (0..<count).reduce(0) { $0 | UInt64(bytes[offset + $1]) << UInt64(8 * $1) }
        }
        level = Int(bytes[4])
        flags = bytes[5]
        columns = Int(number(6, 2))
        watermarkNs = Int64(bitPattern: number(8, 8))
        known = Int(number(16, 2))..<Int(number(16, 2) + number(18, 2))
        let laneCount = number(20, 4)
        var position = 24
        func varint() throws -> UInt64 {
            var value: UInt64 = 0
            var shift: UInt64 = 0
            while true {
                try #require(position < bytes.count)
                let byte = bytes[position]
                position += 1
                value |= UInt64(byte & 0x7F) << shift
                shift += 7
                if byte < 0x80 { return value }
            }
        }
        var id: UInt64 = 0
        for _ in 0..<laneCount {
            id += try varint()
            var planes: [[UInt64]] = []
            for _ in 0..<3 {
                var plane = [UInt64](repeating: 0, count: columns)
                var next = 0
                let filled = try varint()
                for _ in 0..<filled {
                    next += Int(try varint())
                    try #require(next < columns)
                    plane[next] = try varint()
                    #expect(plane[next] > 0)
                    next += 1
                }
                planes.append(plane)
            }
            #expect(planes.contains { $0.contains { $0 > 0 } })
            lanes.append(Lane(id: UInt32(id), planes: planes))
        }
        #expect(position == bytes.count)
    }
}
