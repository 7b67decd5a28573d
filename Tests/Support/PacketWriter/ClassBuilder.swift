package import CTF

/// Field classes as LTTng declares them: integers aligned to bytes, lengths in front of sequences.
package struct ClassBuilder: Sendable {
    package let byteOrder: ByteOrder

    package init(byteOrder: ByteOrder = .littleEndian) {
        self.byteOrder = byteOrder
    }

    package func member(_ name: String, _ fieldClass: FieldClass) -> StructureClass.Member {
        StructureClass.Member(name: name, metadataName: "_" + name, fieldClass: fieldClass)
    }

    package func integer(
        _ name: String,
        _ sizeBits: UInt32,
        isSigned: Bool = false,
        base: UInt8 = 10,
        roles: FieldRoles = []
    ) -> StructureClass.Member {
        member(name, .integer(integerClass(sizeBits, isSigned: isSigned, base: base, roles: roles)))
    }

    package func integerClass(
        _ sizeBits: UInt32,
        isSigned: Bool = false,
        base: UInt8 = 10,
        encoding: TextEncoding? = nil,
        roles: FieldRoles = []
    ) -> IntegerClass {
        IntegerClass(
            sizeBits: sizeBits,
            alignmentBits: sizeBits % 8 == 0 ? 8 : 1,
            isSigned: isSigned,
            byteOrder: byteOrder,
            displayBase: base,
            encoding: encoding,
            roles: roles
        )
    }

    package func string(_ name: String) -> StructureClass.Member { member(name, .string(StringClass())) }

    package func double(_ name: String) -> StructureClass.Member {
        member(name, .float(FloatClass(sizeBits: 64, alignmentBits: 8, byteOrder: byteOrder)))
    }

    package func text(_ name: String, _ count: UInt64) -> StructureClass.Member {
        member(
            name,
            .array(ArrayClass(element: .integer(integerClass(8, encoding: .utf8)), length: .constant(count)))
        )
    }

    /// A sequence of integers in an event's payload.
    /// - Parameter length: the metadata name of the member that holds its length.
    package func sequence(_ name: String, _ sizeBits: UInt32, length: String) -> StructureClass.Member {
        let location = FieldLocation(scope: .eventPayload, path: [length])
        return member(
            name,
            .array(ArrayClass(element: .integer(integerClass(sizeBits)), length: .field(location)))
        )
    }

    package func enumeration(_ name: String, _ sizeBits: UInt32, _ mappings: [EnumerationMapping])
        -> StructureClass.Member
    {
        var integer = integerClass(sizeBits)
        integer.mappings = mappings
        return member(name, .integer(integer))
    }

    // MARK: LTTng's scopes

    package var packetHeader: StructureClass {
        let uuid = ArrayClass(
            element: .integer(integerClass(8)),
            length: .constant(16),
            roles: .metadataStreamUUID
        )
        return StructureClass(members: [
            integer("magic", 32, roles: .packetMagicNumber), member("uuid", .array(uuid)),
            integer("stream_id", 32, roles: .streamClassID),
            integer("stream_instance_id", 64, roles: .streamInstanceID),
        ])
    }

    package var packetContext: StructureClass {
        StructureClass(members: [
            integer("timestamp_begin", 64, roles: .defaultClockTimestamp),
            integer("timestamp_end", 64, roles: .packetEndTimestamp),
            integer("content_size", 64, roles: .packetContentLength),
            integer("packet_size", 64, roles: .packetTotalLength),
            integer("packet_seq_num", 64, roles: .packetSequenceNumber),
            integer("events_discarded", 64, roles: .discardedEventCounter),
            integer("cpu_id", 32),
        ])
    }

    package var commonContext: StructureClass {
        StructureClass(members: [
            integer("vpid", 32, isSigned: true), integer("vtid", 32, isSigned: true), text("procname", 17),
        ])
    }

    package var compactHeader: StructureClass { header(idBits: 5, timeBits: 27) }

    package var largeHeader: StructureClass { header(idBits: 16, timeBits: 32) }

    private func header(idBits: UInt32, timeBits: UInt32) -> StructureClass {
        let last: UInt64 = (1 << UInt64(idBits)) - 1
        var id = integerClass(idBits, roles: .eventRecordClassID)
        id.mappings = [
            EnumerationMapping(label: "compact", ranges: [IntegerRange(lowerBits: 0, upperBits: last - 1)]),
            EnumerationMapping(label: "extended", ranges: [IntegerRange(lowerBits: last, upperBits: last)]),
        ]
        let short = StructureClass(members: [integer("timestamp", timeBits, roles: .defaultClockTimestamp)])
        let extended = StructureClass(members: [
            integer("id", 32, roles: .eventRecordClassID), integer("timestamp", 64, roles: .defaultClockTimestamp),
        ])
        let variant = VariantClass(
            selector: FieldLocation(scope: .eventHeader, path: ["_id"]),
            selectorIsSigned: false,
            options: [
                VariantClass.Option(
                    member: member("compact", .structure(short)),
                    selectorRanges: id.mappings?[0].ranges ?? []
                ),
                VariantClass.Option(
                    member: member("extended", .structure(extended)),
                    selectorRanges: id.mappings?[1].ranges ?? []
                ),
            ]
        )
        return StructureClass(
            members: [member("id", .integer(id)), member("v", .variant(variant))],
            minimumAlignmentBits: 8
        )
    }
}
