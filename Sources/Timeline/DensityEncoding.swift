/// The body of an answer with counts: what is not 0, in variable-length numbers.
///
/// A head of 24 bytes: "TMD1"; u8 level; u8 flags (1: all columns lie below W, 2: some are not known yet); u16 columns;
/// i64 W, the least integer where there is none; u16 first known column, u16 columns known from there on; u32 lanes
/// that follow. Then for each lane that has anything, by ascending ids: its id minus the one before; and for each plane
/// (events, late, losses) how many columns are not 0, and of each, how many were skipped since the one before, and its
/// count. Numbers of the head are little-endian, the others unsigned LEB128 below 2^53.
package struct DensityEncoding: Sendable {
    private static let countMax: UInt64 = 1 << 53 - 1
    private static let lanesOffset = 20

    private var bytes: [UInt8]
    private var lanes: UInt32 = 0
    private var lastID: UInt32 = 0

    /// - Parameter known: the columns that are known; nil: all.
    package init(_ request: DensityRequest, watermarkNs: Int64?, known: Range<Int>? = nil) {
        let known = known ?? 0..<request.columns
        let isBelow = watermarkNs.map { request.isBelow($0) } ?? false
        bytes = Array("TMD1".utf8)
        bytes.reserveCapacity(4096)
        append(UInt8(truncatingIfNeeded: request.level))
        append(UInt8((isBelow ? 1 : 0) | (known.count < request.columns ? 2 : 0)))
        append(UInt16(clamping: request.columns))
        append(watermarkNs ?? .min)
        append(UInt16(clamping: known.lowerBound))
        append(UInt16(clamping: known.count))
        append(UInt32(0))
    }

    private mutating func append(_ number: some FixedWidthInteger) {
        withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }

    private mutating func append(varint number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// Appends a lane, whose id is greater than those before; nothing where all planes are 0.
    /// - Parameter planes: events, late events and losses by column; empty ones are 0.
    package mutating func append(lane id: UInt32, planes: [[UInt64]]) {
        let filled = planes.map { plane in plane.reduce(0) { $0 + ($1 > 0 ? 1 : 0) } }
        guard filled.contains(where: { $0 > 0 }) else { return }
        append(varint: UInt64(id - lastID))
        lastID = id
        lanes += 1
        for (plane, count) in zip(planes, filled) {
            append(varint: UInt64(count))
            guard count > 0 else { continue }
            var skipped: UInt64 = 0
            for cell in plane {
                guard cell > 0 else {
                    skipped += 1
                    continue
                }
                append(varint: skipped)
                append(varint: min(cell, Self.countMax))
                skipped = 0
            }
        }
    }

    /// The whole body.
    package consuming func finish() -> [UInt8] {
        withUnsafeBytes(of: lanes.littleEndian) { number in
            for (index, byte) in number.enumerated() { bytes[Self.lanesOffset + index] = byte }
        }
        return bytes
    }
}
