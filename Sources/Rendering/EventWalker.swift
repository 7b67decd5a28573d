import CTF
import Feed

/// A visitor that prints events of many packets, one after the other.
protocol EventPrinter: FieldVisitor {
    /// A trace program made ready for printing.
    associatedtype Prepared: AnyObject

    var pen: OutputPen { get set }

    func prepare(_ packet: FeedPacket) -> Prepared
    /// Puts what a packet's events have in common and is not the packet context into `pen`.
    mutating func appendSource(of packet: FeedPacket)
    /// The packet context is rendered next, by itself.
    mutating func beginPacketContext(of packet: FeedPacket, _ prepared: Prepared)
    /// The next events are of this packet.
    mutating func use(
        _ prepared: Prepared,
        source: UnsafeRawBufferPointer,
        packetContext: UnsafeRawBufferPointer,
        correction: TimeCorrection
    )
    /// How the next event is late; nil: it is not.
    mutating func setLate(_ late: EventGroup.Late?)
}

/// Prints groups of events in their order.
///
/// Each slice keeps its cursor while the order jumps between slices. What all events of a slice share, its packet's
/// context above all, is rendered once before the first event, to a buffer of its own; slices that it has no room for
/// are rendered again for each run. Nothing is allocated per event; the memory of a walk is kept for the next one.
/// Confined to whoever owns the renderer.
final class EventWalker<Printer: EventPrinter> {
    /// Programs that are kept prepared when no event uses them any more.
    private static var idleProgramsMax: Int { 256 }
    /// So many events are printed, of one run, before their text may leave.
    private static var eventsPerPiece: UInt64 { 64 }

    private struct SliceState {
        var bytes: PacketBytes
        var cursor: EventCursor
        var preamble: PacketPreamble
        var program: Unmanaged<TraceProgram>
        var prepared: Unmanaged<Printer.Prepared>
        var correction: TimeCorrection
        /// In the shared pen.
        var sourceStart = 0
        var contextStart = 0
        var contextEnd = 0
        /// Whether it stays there for the whole walk.
        var isKept = true
        var isDamaged = false
    }

    private struct PreparedProgram {
        var program: TraceProgram
        var prepared: Printer.Prepared
        /// The walk that used it last.
        var walk: UInt64
    }

    private var printer: Printer
    private var sharedPen: OutputPen
    private let sharedBytesMax: Int
    private var programs: [ObjectIdentifier: PreparedProgram] = [:]
    private var walkCount: UInt64 = 0

    /// - Parameters:
    ///   - sharedBytesMax: what the slices of a walk have in common, each by itself, may take together.
    ///   - makePrinter: is given a pen to begin with.
    init(sharedBytesMax: Int = 16 << 20, _ makePrinter: (OutputPen) -> Printer) {
        self.sharedBytesMax = sharedBytesMax
        sharedPen = OutputPen(capacityBytes: 4096)
        printer = makePrinter(sharedPen)
    }

    deinit {
        sharedPen.deallocate()
    }

    /// Room for what slices have in common.
    var sharedCapacityBytes: Int { sharedPen.capacityBytes }

    /// Hands the printer out between walks.
    func withPrinter<Result>(_ body: (inout Printer) -> Result) -> Result {
        body(&printer)
    }

    /// Prints the first `eventLimit` events of a group.
    /// - Parameter damage: set to the first damage, unless it is set already; a damaged slice ends there, the others
    ///   go on.
    /// - Returns: how many events were printed.
    func walk(
        _ group: EventGroup,
        eventLimit: UInt64,
        into output: inout OutputBuffer,
        damage: inout RenderingError?
    ) -> UInt64 {
        walkCount += 1
        let states = UnsafeMutablePointer<SliceState>.allocate(capacity: max(group.slices.count, 1))
        defer {
            states.deinitialize(count: group.slices.count)
            states.deallocate()
        }
        // The walk works on a copy of the printer, so that no access to it is checked for exclusivity.
        var printer = self.printer
        open(group.slices, states, printer: &printer, damage: &damage)
        printer.pen = output.pen
        let count = printEvents(
            group,
            states,
            eventLimit: eventLimit,
            printer: &printer,
            output: &output,
            damage: &damage
        )
        output.pen = printer.pen
        self.printer = printer
        if programs.count > Self.idleProgramsMax { programs = programs.filter { $0.value.walk == walkCount } }
        return count
    }

    // MARK: Slices

    private func open(
        _ slices: [EventSlice],
        _ states: UnsafeMutablePointer<SliceState>,
        printer: inout Printer,
        damage: inout RenderingError?
    ) {
        printer.pen = sharedPen
        printer.pen.position = printer.pen.base
        for (index, slice) in slices.enumerated() {
            let packet = slice.packet
            let prepared = prepare(packet, printer: printer)
            var state = SliceState(
                bytes: Self.bytes(of: slice),
                cursor: EventCursor(positionBits: slice.firstBits, clockCycles: slice.clockCycles),
                preamble: packet.preamble,
                program: .passUnretained(packet.program),
                prepared: .passUnretained(prepared),
                correction: packet.correction
            )
            do throws(PacketError) {
                try renderShared(by: packet, &state, printer: &printer)
            } catch {
                state.isDamaged = true
                Self.note(error, in: packet, &damage)
            }
            if _slowPath(printer.pen.count > sharedBytesMax) {
                state.isKept = false
                printer.pen.position = printer.pen.base + state.sourceStart
            }
            (states + index).initialize(to: state)
        }
        sharedPen = printer.pen
    }

    /// Appends what all events of a packet have in common.
    /// - Throws: when its context cannot be read, of which nothing is left then.
    private func renderShared(
        by packet: FeedPacket,
        _ state: inout SliceState,
        printer: inout Printer
    ) throws(PacketError) {
        state.sourceStart = printer.pen.count
        printer.appendSource(of: packet)
        state.contextStart = printer.pen.count
        defer { state.contextEnd = printer.pen.count }
        printer.beginPacketContext(of: packet, state.prepared.takeUnretainedValue())
        do throws(PacketError) {
            try packet.program.visitPacketContext(
                PacketBytes(packet.preambleStorage.bytes),
                preamble: packet.preamble,
                visitor: &printer
            )
        } catch {
            printer.pen.position = printer.pen.base + state.contextStart
            throw error
        }
    }

    /// Renders what was not kept, behind all that is kept; the next slice's may take its place.
    @inline(never)
    private func renderAgain(
        _ packet: FeedPacket,
        _ state: UnsafeMutablePointer<SliceState>,
        printer: inout Printer
    ) {
        let pen = printer.pen
        printer.pen = sharedPen
        do throws(PacketError) {
            try renderShared(by: packet, &state.pointee, printer: &printer)
        } catch {
            state.pointee.isDamaged = true
        }
        sharedPen = printer.pen
        sharedPen.position = sharedPen.base + state.pointee.sourceStart
        printer.pen = pen
    }

    private func prepare(_ packet: FeedPacket, printer: Printer) -> Printer.Prepared {
        let key = ObjectIdentifier(packet.program)
        if let known = programs[key] {
            if known.walk != walkCount { programs[key]?.walk = walkCount }
            return known.prepared
        }
        let prepared = printer.prepare(packet)
        programs[key] = PreparedProgram(program: packet.program, prepared: prepared, walk: walkCount)
        return prepared
    }

    /// The slice's bytes, and no byte of what lies behind it.
    private static func bytes(of slice: EventSlice) -> PacketBytes {
        let firstByte = slice.firstBits / 8
        let byteCount = (slice.endBits.addingReportingOverflow(7).partialValue / 8).subtractingReportingOverflow(
            firstByte
        )
        let storage = slice.storage.bytes
        guard slice.storageOffset >= 0, slice.storageOffset <= storage.count, !byteCount.overflow,
            firstByte <= 1 << 56
        else { return PacketBytes(UnsafeRawBufferPointer(start: nil, count: 0)) }
        let available = storage.count - slice.storageOffset
        let count = min(Int(clamping: byteCount.partialValue), available)
        return PacketBytes(
            UnsafeRawBufferPointer(rebasing: storage[slice.storageOffset..<slice.storageOffset + count]),
            firstByte: Int(firstByte)
        )
    }

    // MARK: Events

    private func printEvents(
        _ group: EventGroup,
        _ states: UnsafeMutablePointer<SliceState>,
        eventLimit: UInt64,
        printer: inout Printer,
        output: inout OutputBuffer,
        damage: inout RenderingError?
    ) -> UInt64 {
        let sliceCount = group.slices.count
        var printed: UInt64 = 0
        var orderIndex: UInt64 = 0
        var late = group.late[...]
        for run in group.order {
            guard printed < eventLimit else { break }
            let runEnd = orderIndex + UInt64(run.count)
            // A slice that does not exist has no events; whoever made the group has checked it.
            let state = states + (run.slice < sliceCount ? Int(run.slice) : 0)
            if run.slice < sliceCount, !state.pointee.isDamaged {
                if _slowPath(!state.pointee.isKept) {
                    renderAgain(group.slices[Int(run.slice)].packet, state, printer: &printer)
                }
                select(state.pointee, printer: &printer)
                do throws(PacketError) {
                    let count = min(UInt64(run.count), eventLimit - printed)
                    try printRun(
                        state,
                        count: count,
                        from: orderIndex,
                        late: &late,
                        printed: &printed,
                        printer: &printer,
                        output: &output
                    )
                } catch {
                    state.pointee.isDamaged = true
                    Self.note(error, in: group.slices[Int(run.slice)].packet, &damage)
                }
            }
            orderIndex = runEnd
        }
        return printed
    }

    @inline(__always)
    private func select(_ state: SliceState, printer: inout Printer) {
        let base = UnsafeRawPointer(sharedPen.base)
        state.prepared._withUnsafeGuaranteedRef { prepared in
            printer.use(
                prepared,
                source: UnsafeRawBufferPointer(
                    start: base + state.sourceStart,
                    count: state.contextStart - state.sourceStart
                ),
                packetContext: UnsafeRawBufferPointer(
                    start: base + state.contextStart,
                    count: state.contextEnd - state.contextStart
                ),
                correction: state.correction
            )
        }
    }

    /// Prints the next `count` events of a slice; a damaged one leaves nothing behind.
    @inline(__always)
    private func printRun(
        _ state: UnsafeMutablePointer<SliceState>,
        count: UInt64,
        from orderIndex: UInt64,
        late: inout ArraySlice<EventGroup.Late>,
        printed: inout UInt64,
        printer: inout Printer,
        output: inout OutputBuffer
    ) throws(PacketError) {
        var cursor = state.pointee.cursor
        defer { state.pointee.cursor = cursor }
        // Counted once a run.
        let program = state.pointee.program.takeUnretainedValue()
        let bytes = state.pointee.bytes
        let preamble = state.pointee.preamble
        let hasLate = !late.isEmpty
        let end = orderIndex + count
        var next = orderIndex
        while next < end {
            let pieceEnd = min(next + Self.eventsPerPiece, end)
            for index in next..<pieceEnd {
                if _slowPath(hasLate) { setLate(index, &late, printer: &printer) }
                let lineStart = printer.pen.count
                do throws(PacketError) {
                    try program.visitEvent(bytes, preamble: preamble, cursor: &cursor, visitor: &printer)
                } catch {
                    printer.pen.position = printer.pen.base + lineStart
                    throw error
                }
                printed += 1
            }
            next = pieceEnd
            if _slowPath(printer.pen.count >= OutputBuffer.drainBytes) { Self.drain(&printer, output: &output) }
        }
        printer.setLate(nil)
    }

    @inline(never)
    private static func drain(_ printer: inout Printer, output: inout OutputBuffer) {
        output.pen = printer.pen
        output.drainIfLong()
        printer.pen = output.pen
    }

    @inline(never)
    private func setLate(_ index: UInt64, _ late: inout ArraySlice<EventGroup.Late>, printer: inout Printer) {
        while let next = late.first, next.index < index { late.removeFirst() }
        if let next = late.first, next.index == index {
            printer.setLate(next)
            late.removeFirst()
        } else {
            printer.setLate(nil)
        }
    }

    private static func note(_ error: PacketError, in packet: FeedPacket, _ damage: inout RenderingError?) {
        guard damage == nil else { return }
        damage = RenderingError(packet, error)
    }
}
