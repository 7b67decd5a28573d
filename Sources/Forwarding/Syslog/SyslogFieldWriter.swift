import CTF

/// Writes the fields of an event as parameters of structured data: members and elements are named by their path, as
/// `list.0.name`. Labels of an enumeration stand behind its value, as `2 (running)`.
struct SyslogFieldWriter: FieldVisitor {
    /// Of all fields of one event together.
    private static let bytesMax = 64 << 10
    private static let depthMax = 24

    /// ` NAME="VALUE"`, once for each field.
    private(set) var bytes: [UInt8] = []
    private(set) var event = 0
    private(set) var clockCycles: UInt64 = 0
    private var keys: ProgramKeys?
    private var path: [UInt8] = []
    /// For each open container: the path's length before it, and the index of its next element; nil for others.
    private var open: [(pathBytes: Int, element: Int?)] = []
    private var hiddenDepth = 0
    private var isTooDeep = false
    private var isHeader = false
    private var outer: FieldID?

    var isTooLarge: Bool { bytes.count > Self.bytesMax || isTooDeep }

    mutating func begin(_ keys: ProgramKeys) {
        self.keys = keys
        bytes.removeAll(keepingCapacity: true)
        path.removeAll(keepingCapacity: true)
        open.removeAll(keepingCapacity: true)
        (hiddenDepth, isTooDeep, isHeader, outer) = (0, false, false, nil)
    }

    mutating func beginEvent(_ event: Int, clockCycles: UInt64) {
        self.event = event
        self.clockCycles = clockCycles
    }

    mutating func endEvent() {}
    mutating func beginScope(_ scope: FieldScope) { isHeader = scope == .packetHeader || scope == .eventHeader }
    mutating func endScope(_ scope: FieldScope) { isHeader = false }
    mutating func beginStructure(_ field: FieldID) { begin(field, element: nil) }
    mutating func endStructure(_ field: FieldID) { end() }
    mutating func beginArray(_ field: FieldID, count: Int) { begin(field, element: 0) }
    mutating func endArray(_ field: FieldID) { end() }
    mutating func beginVariant(_ field: FieldID, option: Int) { outer = outer ?? field }
    mutating func endVariant(_ field: FieldID) { outer = nil }
    mutating func beginOptional(_ field: FieldID, isPresent: Bool) { if isPresent { outer = outer ?? field } }
    mutating func endOptional(_ field: FieldID) { outer = nil }

    mutating func unsigned(_ value: UInt64, _ field: FieldID) {
        guard let entry = keys?.fields[Int(field.rawValue)] else { return }
        if entry.isBoolean { return add(field, value == 0 ? "false" : "true") }
        add(field, "\(value)" + labels(entry.enumeration, of: value))
    }

    mutating func signed(_ value: Int64, _ field: FieldID) {
        guard let entry = keys?.fields[Int(field.rawValue)] else { return }
        add(field, "\(value)" + labels(entry.enumeration, of: UInt64(bitPattern: value)))
    }

    mutating func float(_ value: Float, _ field: FieldID) { add(field, "\(value)") }
    mutating func double(_ value: Double, _ field: FieldID) { add(field, "\(value)") }

    mutating func text(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {
        guard let entry = keys?.fields[Int(field.rawValue)], bytes.count <= Self.bytesMax else {
            return self.bytes += bytes
        }
        if entry.encoding.unitBytes > 1 {
            var text = ""
            text.unicodeScalars.append(contentsOf: WideText(bytes, encoding: entry.encoding))
            add(field, text)
        } else {
            add(field, String(decoding: bytes, as: UTF8.self))
        }
    }

    /// As hexadecimal digits.
    mutating func blob(_ bytes: UnsafeRawBufferPointer, _ field: FieldID) {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in bytes.prefix(Self.bytesMax) { text += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
        add(field, String(decoding: text, as: UTF8.self))
    }

    // MARK: Names

    private mutating func begin(_ field: FieldID, element: Int?) {
        guard hiddenDepth == 0, open.count < Self.depthMax, !isTooLarge else {
            isTooDeep = isTooDeep || open.count == Self.depthMax
            return hiddenDepth += 1
        }
        let before = path.count
        appendName(of: field)
        path.append(UInt8(ascii: "."))
        open.append((before, element))
    }

    private mutating func end() {
        if hiddenDepth > 0 {
            hiddenDepth -= 1
            return
        }
        guard let own = open.popLast() else { return }
        path.removeSubrange(own.pathBytes...)
        outer = nil
    }

    /// In an array the element's number.
    private mutating func appendName(of field: FieldID) {
        let name = outer ?? field
        outer = nil
        if let last = open.last, let element = last.element {
            open[open.count - 1].element = element + 1
            path += "\(element)".utf8
        } else if let keys {
            var next = UnsafePointer(keys.fields[Int(name.rawValue)].key)
            while next.pointee != 0 {
                path.append(UInt8(bitPattern: next.pointee))
                next += 1
            }
        }
    }

    private mutating func add(_ field: FieldID, _ value: String) {
        guard !isHeader, hiddenDepth == 0, !isTooLarge else { return }
        let before = path.count
        appendName(of: field)
        var value = value
        path.withUnsafeBufferPointer { path in
            value.withUTF8 { SyslogText.append(parameter: path, value: $0, to: &bytes) }
        }
        path.removeSubrange(before...)
    }

    private func labels(_ number: Int?, of bits: UInt64) -> String {
        guard let number, let enumeration = keys?.enumerations[number] else { return "" }
        var labels: [String] = []
        var last = -1
        while labels.count < 64, let mapping = enumeration.lookup.mapping(of: bits, after: last) {
            labels.append(String(cString: enumeration.labels[mapping]))
            last = mapping
        }
        return labels.isEmpty ? "" : " (\(labels.joined(separator: ", ")))"
    }
}
