/// Recognises the two event headers that LTTng writes, by their structure and not by their names:
///
///     compact  id:5 time:27                     id = 31:     id:5 pad:3 id:32 time:64
///     large    id:16 time:32                    id = 65535:  id:16 id:32 time:64
extension StreamEntry {
    /// - Parameter isReferredTo: fields behind the header need values of it, so its program must run.
    mutating func addShape(of header: StructureClass?, isReferredTo: Bool) {
        guard let header, !isReferredTo, header.members.count == 2, header.minimumAlignmentBits <= 8,
            case .integer(let selector) = header.members[0].fieldClass,
            case .variant(let variant) = header.members[1].fieldClass, variant.options.count == 2,
            variant.selector == FieldLocation(scope: .eventHeader, path: [header.members[0].metadataName]),
            selector.roles == .eventRecordClassID, selector.alignmentBits <= 8, !selector.isSigned,
            !variant.selectorIsSigned,
            case .structure(let short) = variant.options[0].member.fieldClass, short.members.count == 1,
            case .integer(let shortTime) = short.members[0].fieldClass,
            case .structure(let extended) = variant.options[1].member.fieldClass, extended.members.count == 2,
            case .integer(let id) = extended.members[0].fieldClass,
            case .integer(let time) = extended.members[1].fieldClass,
            [selector, shortTime, id, time].allSatisfy(\.isPlain), shortTime.roles == .defaultClockTimestamp,
            id.roles == .eventRecordClassID, id.sizeBits == 32,
            time.roles == .defaultClockTimestamp, time.sizeBits == 64, !id.isSigned,
            [shortTime, id, time].allSatisfy({ $0.byteOrder == selector.byteOrder && $0.alignmentBits <= 8 })
        else { return }

        let alignments = [header.minimumAlignmentBits, selector.alignmentBits]
        let shortAlignment = max(short.minimumAlignmentBits, shortTime.alignmentBits)
        let extendedAlignment = max(extended.minimumAlignmentBits, id.alignmentBits, time.alignmentBits)
        guard alignments.max() == 8, extendedAlignment <= 8, variant.options[0].selectorRanges.count == 1,
            variant.options[1].selectorRanges.count == 1
        else { return }
        let shortIDs = variant.options[0].selectorRanges[0]
        let extendedIDs = variant.options[1].selectorRanges[0]
        let last: UInt64 = (1 << UInt64(selector.sizeBits)) - 1
        guard shortIDs == IntegerRange(lowerBits: 0, upperBits: last - 1),
            extendedIDs == IntegerRange(lowerBits: last, upperBits: last)
        else { return }

        switch (selector.sizeBits, shortTime.sizeBits) {
        case (5, 27) where shortAlignment == 1 && extendedAlignment == 8:
            // The extended id begins at the next byte, and the time right behind it.
            headerShape = .compact
        case (16, 32) where shortAlignment <= 8:
            headerShape = .large
        default:
            return
        }
        headerIsBigEndian = selector.byteOrder == .bigEndian
    }
}
