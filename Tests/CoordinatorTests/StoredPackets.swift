import CTF
import Coordinator
import Feed

/// Packets of a stream as LTTng stores it: with the number of its instance, and with an index beside its file.
struct StoredPacket {
    var number: UInt64
    var begin: UInt64
    var end: UInt64
    var events: [UInt64]
    var discarded: UInt64 = 0
    var instance: UInt64 = 0
    /// Behind the content.
    var paddingBytes = 0

    static let preambleBytes = 64

    var contentBytes: Int { Self.preambleBytes + events.count * 16 }
    var byteCount: Int { contentBytes + paddingBytes }

    var bytes: [UInt8] {
        var bytes = Self.number(0xC1FC_1FC1, 4) + Self.number(0, 4) + Self.number(instance, 8)
        for value in [begin, end, UInt64(contentBytes * 8), UInt64(byteCount * 8), number, discarded] {
            bytes += Self.number(value, 8)
        }
        for event in events { bytes += Self.number(0, 4) + Self.number(event, 8) + Self.number(7, 4) }
        return bytes + [UInt8](repeating: 0xEE, count: paddingBytes)
    }

    /// The index of a file of packets.
    static func index(_ packets: [StoredPacket], isOld: Bool = false) -> [UInt8] {
        func big(_ value: UInt64, _ count: Int) -> [UInt8] { number(value, count).reversed() }
        var bytes = big(0xC1F1_DCC1, 4) + big(1, 4) + big(isOld ? 0 : 1, 4) + big(isOld ? 56 : 72, 4)
        var offset: UInt64 = 0
        for packet in packets {
            var fields = [
                offset, UInt64(packet.byteCount * 8), UInt64(packet.contentBytes * 8), packet.begin, packet.end,
                packet.discarded, 0,
            ]
            if !isOld { fields += [packet.instance, packet.number] }
            bytes += fields.flatMap { big($0, 8) }
            offset += UInt64(packet.byteCount)
        }
        return bytes
    }

    static func number(_ value: UInt64, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
    }

    /// - Parameter uuidByte: tells traces apart.
    static func metadata(uuidByte: UInt8? = 1, more: String = "") -> [UInt8] {
        let uuid = uuidByte.map { "uuid = \"0\($0)000000-0000-0000-0000-000000000000\";" } ?? ""
        let text = """
            /* CTF 1.8 */
            typealias integer { size = 64; align = 8; signed = false; } := u64;
            typealias integer { size = 32; align = 8; signed = false; } := u32;
            trace {
                major = 1; minor = 8; byte_order = le; \(uuid)
                packet.header := struct { u32 magic; u32 stream_id; u64 stream_instance_id; };
            };
            clock { name = "monotonic"; freq = 1000000000; offset = 0; };
            typealias integer { size = 64; align = 8; map = clock.monotonic.value; } := time;
            stream {
                id = 0;
                packet.context := struct {
                    time timestamp_begin; time timestamp_end; u64 content_size; u64 packet_size;
                    u64 packet_seq_num; u64 events_discarded;
                };
                event.header := struct { u32 id; time timestamp; };
            };
            event { id = 0; name = "tiny"; stream_id = 0; fields := struct { u32 _value; }; };
            \(more)
            """
        return Array(text.utf8)
    }

    /// Packets one behind the other, each with the events that its number gives.
    static func run(_ numbers: Range<UInt64>, instance: UInt64 = 0) -> [StoredPacket] {
        numbers.map { number in
            StoredPacket(
                number: number,
                begin: .ms(number * 10),
                end: .ms(number * 10 + 10),
                events: (0...number % 7).map { .ms(number * 10 + $0) } + [.ms(number * 10 + 10)],
                instance: instance,
                paddingBytes: Int(number % 3) * 1000
            )
        }
    }
}

/// A file of a stored trial.
struct StoredFileTrial {
    var name: String
    var bytes: [UInt8]
    var index: [UInt8]?
    /// Makes the file's bytes as they are read, instead of `bytes`: all are 0 but for what `fill` puts there.
    var generated: (byteCount: UInt64, fill: (_ offset: UInt64, UnsafeMutableRawBufferPointer) -> Void)?

    /// What reaches past it cannot be read.
    var failsBehind: UInt64 = .max

    var byteCount: UInt64 { generated?.byteCount ?? UInt64(bytes.count) }

    init(_ name: String, _ packets: [StoredPacket], index: [UInt8]? = nil) {
        self.init(name, bytes: packets.flatMap(\.bytes), index: index)
    }

    init(_ name: String, bytes: [UInt8], index: [UInt8]? = nil) {
        self.name = name
        self.bytes = bytes
        self.index = index
    }
}

extension CoordinatorTrial {
    /// By event in feed order: its time in milliseconds, and the number of its packet.
    var storedEvents: [StoredEvent] {
        var numbers: [UInt64?] = []
        for case .events(let group) in records {
            for run in group.order {
                let number = group.slices[Int(run.slice)].packet.preamble.sequenceNumber
                numbers += [UInt64?](repeating: number, count: Int(run.count))
            }
        }
        return zip(events, numbers).map { StoredEvent(timestampMs: $0.timestampNs / 1_000_000, packet: $1 ?? .max) }
    }
}

struct StoredEvent: Equatable {
    var timestampMs: Int64
    var packet: UInt64
}
