import CTF
import PacketWriter

@testable import Feed

/// An event's values, as a tree.
indirect enum ReferenceTree {
    /// Labels: nil where it can have none.
    case integer(Int64, labels: [String]?)
    case float(Double)
    case text([UInt8])
    case structure([(name: String, value: ReferenceTree)])
    case array([ReferenceTree])
    case nothing

    func value(at path: ArraySlice<ReferenceTerm.Step>) -> ReferenceTree {
        guard let step = path.first else { return self }
        switch (self, step) {
        case (.structure(let members), .name(let name)):
            return members.first { $0.name == name }?.value.value(at: path.dropFirst()) ?? .nothing
        case (.array(let elements), .index(let index)):
            return index < elements.count ? elements[index].value(at: path.dropFirst()) : .nothing
        default: return .nothing
        }
    }
}

/// An event as the reference sees it.
struct ReferenceEvent {
    var scopes: [FieldScope: ReferenceTree] = [:]
    var event: ProgramEvent
    var packet: FeedPacket

    /// All events of a group, in its order.
    static func events(_ group: EventGroup) throws -> [ReferenceEvent] {
        var cursors = group.slices.map { EventCursor(positionBits: $0.firstBits, clockCycles: $0.clockCycles) }
        var events: [ReferenceEvent] = []
        for run in group.order {
            let slice = group.slices[Int(run.slice)]
            for _ in 0..<run.count {
                var visitor = TreeVisitor(program: slice.packet.program)
                try slice.packet.program.visitEvent(
                    PacketBytes(slice.bytes, firstByte: Int(slice.firstBits / 8)),
                    preamble: slice.packet.preamble,
                    cursor: &cursors[Int(run.slice)],
                    visitor: &visitor
                )
                let event = slice.packet.program.events[visitor.event]
                events.append(ReferenceEvent(scopes: visitor.scopes, event: event, packet: slice.packet))
            }
        }
        return events
    }
}

/// Builds trees.
private struct TreeVisitor: FieldVisitor {
    let program: TraceProgram
    var event = 0
    var scopes: [FieldScope: ReferenceTree] = [:]
    private var open: [[(name: String, value: ReferenceTree)]] = []

    init(program: TraceProgram) { self.program = program }

    private mutating func add(_ value: ReferenceTree, _ field: FieldID) {
        open[open.count - 1].append((program.fields[Int(field.rawValue)].name, value))
    }

    mutating func beginEvent(_ event: Int, clockCycles: UInt64) { self.event = event }
    mutating func endEvent() {}
    mutating func beginScope(_ scope: FieldScope) { open.append([]) }
    mutating func endScope(_ scope: FieldScope) { scopes[scope] = .structure(open.removeLast()) }
    mutating func beginStructure(_ field: FieldID) { open.append([]) }
    mutating func endStructure(_ field: FieldID) { add(.structure(open.removeLast()), field) }
    mutating func beginArray(_ field: FieldID, count: Int) { open.append([]) }
    mutating func endArray(_ field: FieldID) { add(.array(open.removeLast().map(\.value)), field) }
    mutating func beginVariant(_ field: FieldID, option: Int) { open.append([]) }
    mutating func endVariant(_ field: FieldID) { add(open.removeLast().last?.value ?? .nothing, field) }
    mutating func beginOptional(_ field: FieldID, isPresent: Bool) { open.append([]) }
    mutating func endOptional(_ field: FieldID) { add(open.removeLast().last?.value ?? .nothing, field) }

    mutating func unsigned(_ value: UInt64, _ field: FieldID) { number(value, field) }
    mutating func signed(_ value: Int64, _ field: FieldID) { number(UInt64(bitPattern: value), field) }
    mutating func float(_ value: Float, _ field: FieldID) { add(.float(Double(value)), field) }
    mutating func double(_ value: Double, _ field: FieldID) { add(.float(value), field) }
    mutating func blob(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) { add(.nothing, field) }

    mutating func text(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {
        guard case .string(let string) = program.fields[Int(field.rawValue)].fieldClass, string.encoding.unitBytes > 1
        else { return add(.text(Array(bytes)), field) }
        var text = String.UnicodeScalarView()
        text.append(contentsOf: WideText(bytes, encoding: string.encoding))
        add(.text(Array(String(text).utf8)), field)
    }

    private mutating func number(_ bits: UInt64, _ field: FieldID) {
        var labels: [String]?
        if let number = program.fields[Int(field.rawValue)].enumeration {
            let enumeration = program.enumerations[number]
            labels = enumeration.mappings.filter { mapping in
                mapping.ranges.contains { $0.contains(bits, isSigned: enumeration.isSigned) }
            }.map(\.label)
        }
        add(.integer(Int64(bitPattern: bits), labels: labels), field)
    }
}
