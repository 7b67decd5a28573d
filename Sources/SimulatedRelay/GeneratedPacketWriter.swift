import CTF

/// Writes packets in the layout that `GeneratedMetadata` declares: little-endian, everything byte-aligned.
struct GeneratedPacketWriter {
    private static let pageBytes = 4096
    private static let methods = 4
    private static let paths = [
        "/", "/cart", "/checkout", "/search?q=tide+tables", "/static/app.js", "/api/v1/items/4711",
        "/api/v1/orders", "/login",
    ]
    private static let statements = [
        "SELECT id, price FROM items WHERE id = ANY($1)", "UPDATE stock SET left = left - 1 WHERE item = $1",
        "INSERT INTO orders (customer, total) VALUES ($1, $2)", "COMMIT",
    ]
    private static let messages = [
        "connection accepted", "slow query", "retrying after timeout", "cache refilled", "certificate expires soon",
    ]
    private static let programs = ["shop", "shop-worker", "postgres", "cache"]
    private static let statuses: [UInt16] = [200, 200, 200, 201, 204, 301, 304, 404, 500, 503]

    private let host: GeneratedHost
    private let cpu: Int
    private let number: Int
    private let sequenceNumber: Int
    private let begin: UInt64
    private var bytes: [UInt8] = []
    private var clock: UInt64
    private var numbers: SeededGenerator

    /// - Parameters:
    ///   - number: the packet's, from 0.
    ///   - sequenceNumber: how many packets were written before it.
    ///   - begin: cycles at which it begins.
    init(host: GeneratedHost, cpu: Int, number: Int, sequenceNumber: Int, begin: UInt64) {
        self.host = host
        self.cpu = cpu
        self.number = number
        self.sequenceNumber = sequenceNumber
        self.begin = begin
        clock = begin
        numbers = SeededGenerator(host.seed, 6, UInt64(cpu), UInt64(number))
        writePreamble(end: 0, contentBytes: 0, packetBytes: 0)
    }

    /// - Returns: the packet with padding to whole pages, and the size of its content.
    mutating func finish(end: UInt64) -> (bytes: [UInt8], contentBytes: Int) {
        let content = bytes
        let packetBytes = (content.count + Self.pageBytes - 1) / Self.pageBytes * Self.pageBytes
        bytes = []
        bytes.reserveCapacity(packetBytes)
        writePreamble(end: end, contentBytes: content.count, packetBytes: packetBytes)
        bytes += content[bytes.count...]
        bytes += repeatElement(0, count: packetBytes - content.count)
        return (bytes, content.count)
    }

    private mutating func writePreamble(end: UInt64, contentBytes: Int, packetBytes: Int) {
        write(UInt32(0xC1FC_1FC1))
        write(host.traceUUID.high.byteSwapped)
        write(host.traceUUID.low.byteSwapped)
        write(UInt32(0))
        write(UInt64(cpu))

        write(begin)
        write(end)
        write(UInt64(contentBytes) * 8)
        write(UInt64(packetBytes) * 8)
        write(UInt64(sequenceNumber))
        write(UInt64(0))
        write(UInt32(cpu))
    }

    // MARK: Events

    /// - Parameters:
    ///   - number: the event's in the packet.
    ///   - window: cycles within which it happens.
    mutating func writeEvent(number event: UInt64, window: Range<UInt64>) {
        let time = window.lowerBound + numbers.below(window.upperBound - window.lowerBound)
        let id = [0, 1, 0, 1, 2, 2, 3, 3, 4, 5][Int(numbers.below(10))]
        writeHeader(id: UInt64(id), time: time)
        let program = Int(numbers.below(UInt64(Self.programs.count)))
        write(Int32(1200 + program))
        write(text: Self.programs[program], bytes: 17)
        let request = UInt64(self.number) << 16 | event
        switch id {
        case 0: writeRequest(request)
        case 1: writeResponse(request)
        case 2: writeQuery()
        case 3: writeLookup()
        case 4: writeSample()
        default: writeMessage()
        }
    }

    /// 5 bits of id and the low 27 of the time; the whole time where 27 bits do not reach.
    private mutating func writeHeader(id: UInt64, time: UInt64) {
        if time - clock < 1 << 27 {
            write(UInt32(truncatingIfNeeded: id | time << 5))
        } else {
            write(UInt8(31))
            write(UInt32(id))
            write(time)
        }
        clock = time
    }

    private mutating func writeRequest(_ id: UInt64) {
        write(id)
        write(UInt8(numbers.below(UInt64(Self.methods))))
        write(string: Self.paths[Int(numbers.below(UInt64(Self.paths.count)))])
    }

    private mutating func writeResponse(_ id: UInt64) {
        write(id)
        write(Self.statuses[Int(numbers.below(UInt64(Self.statuses.count)))])
        write(UInt32(numbers.below(200_000)))
        write((Double(numbers.below(40_000)) / 128).bitPattern)
    }

    private mutating func writeQuery() {
        write(string: Self.statements[Int(numbers.below(UInt64(Self.statements.count)))])
        write(Int32(numbers.below(1000)) - 1)
        let count = numbers.below(4)
        write(UInt8(count))
        for _ in 0..<count { write(Int64(numbers.below(100_000)) - 50_000) }
    }

    private mutating func writeLookup() {
        write(UInt8(numbers.below(3)))
        write(numbers.next())
        write((Float(numbers.below(1000)) / 1000).bitPattern)
    }

    private mutating func writeSample() {
        write((20 + Float(numbers.below(4000)) / 64).bitPattern)
        for _ in 0..<3 { write(Int16(truncatingIfNeeded: Int64(numbers.below(2000)) - 1000)) }
    }

    private mutating func writeMessage() {
        write([3, 4, 6, -1][Int(numbers.below(4))] as Int32)
        write(string: Self.messages[Int(numbers.below(UInt64(Self.messages.count)))])
    }

    // MARK: Fields

    private mutating func write<Integer: FixedWidthInteger>(_ value: Integer) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    private mutating func write(string: String) {
        bytes += string.utf8
        bytes.append(0)
    }

    private mutating func write(text: String, bytes count: Int) {
        let characters = text.utf8.prefix(count - 1)
        bytes += characters
        bytes += repeatElement(0, count: count - characters.count)
    }
}
