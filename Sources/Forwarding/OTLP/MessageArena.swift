import COTLPSchema
import CProtobufC

/// Memory for the messages of one batch, taken by moving a pointer and given back at once. Confined to its owner.
final class MessageArena {
    private static let alignment = 16
    private static let chunkBytes = 256 << 10
    /// What a reset keeps.
    private static let keptBytes = 16 << 20

    private var chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: chunkBytes, alignment: alignment)
    private var used = 0
    private var full: [UnsafeMutableRawBufferPointer] = []
    private var fullBytes = 0

    /// What it holds, bytes.
    var byteCount: Int { fullBytes + chunk.count }

    deinit {
        chunk.deallocate()
        full.forEach { $0.deallocate() }
    }

    /// All pointers into it are invalid from now on.
    func reset() {
        used = 0
        guard !full.isEmpty else { return }
        let wanted = min(fullBytes + chunk.count, Self.keptBytes)
        full.forEach { $0.deallocate() }
        full.removeAll(keepingCapacity: true)
        fullBytes = 0
        chunk.deallocate()
        chunk = .allocate(byteCount: wanted, alignment: Self.alignment)
    }

    private func take(_ byteCount: Int) -> UnsafeMutableRawPointer {
        let rounded = (byteCount + Self.alignment - 1) & ~(Self.alignment - 1)
        if rounded > chunk.count - used {
            full.append(chunk)
            fullBytes += chunk.count
            chunk = .allocate(byteCount: max(rounded, Self.chunkBytes), alignment: Self.alignment)
            used = 0
        }
        defer { used += rounded }
        return chunk.baseAddress.unsafelyUnwrapped + used
    }

    /// A message, initialised by its own function.
    func make<Message>(_ initialize: (UnsafeMutablePointer<Message>?) -> Void) -> UnsafeMutablePointer<Message> {
        let message = take(MemoryLayout<Message>.size).bindMemory(to: Message.self, capacity: 1)
        initialize(message)
        return message
    }

    /// Pointers to messages, as protobuf-c wants them.
    func pointers<Message>(
        _ messages: ArraySlice<UnsafeMutablePointer<Message>>
    ) -> UnsafeMutablePointer<UnsafeMutablePointer<Message>?> {
        let pointers = take(max(messages.count, 1) * MemoryLayout<UnsafeRawPointer>.stride)
            .bindMemory(to: UnsafeMutablePointer<Message>?.self, capacity: messages.count)
        var next = pointers
        for message in messages {
            next.initialize(to: message)
            next += 1
        }
        return pointers
    }

    /// A copy that ends with NUL.
    func string(_ text: String) -> UnsafeMutablePointer<CChar> {
        var text = text
        return text.withUTF8 { string(UnsafeRawBufferPointer($0)) }
    }

    /// A copy of UTF-8 bytes that ends with NUL.
    func string(_ utf8: UnsafeRawBufferPointer) -> UnsafeMutablePointer<CChar> {
        let copy = take(utf8.count + 1)
        if let base = utf8.baseAddress { copy.copyMemory(from: base, byteCount: utf8.count) }
        copy.storeBytes(of: 0, toByteOffset: utf8.count, as: UInt8.self)
        return copy.bindMemory(to: CChar.self, capacity: utf8.count + 1)
    }

    func bytes(_ source: UnsafeRawBufferPointer) -> UnsafeMutablePointer<UInt8> {
        let copy = take(source.count)
        if let base = source.baseAddress { copy.copyMemory(from: base, byteCount: source.count) }
        return copy.bindMemory(to: UInt8.self, capacity: source.count)
    }
}

typealias OTLPValue = UnsafeMutablePointer<Tidemark__Otlp__AnyValue>
typealias OTLPAttribute = UnsafeMutablePointer<Tidemark__Otlp__KeyValue>

/// Values and attributes.
extension MessageArena {
    func empty() -> OTLPValue { make(tidemark__otlp__any_value__init) }

    func value(_ number: Int64) -> OTLPValue {
        let value = empty()
        value.pointee.value_case = TIDEMARK__OTLP__ANY_VALUE__VALUE_INT_VALUE
        value.pointee.int_value = number
        return value
    }

    /// What is too large for the protocol's integers is a text of its digits, as OpenTelemetry wants it.
    func value(_ number: UInt64) -> OTLPValue {
        Int64(exactly: number).map { value($0) } ?? value("\(number)")
    }

    func value(_ flag: Bool) -> OTLPValue {
        let value = empty()
        value.pointee.value_case = TIDEMARK__OTLP__ANY_VALUE__VALUE_BOOL_VALUE
        value.pointee.bool_value = flag ? 1 : 0
        return value
    }

    func value(_ number: Double) -> OTLPValue {
        let value = empty()
        value.pointee.value_case = TIDEMARK__OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE
        value.pointee.double_value = number
        return value
    }

    func value(_ text: String) -> OTLPValue { value(cString: string(text)) }

    func value(cString text: UnsafeMutablePointer<CChar>) -> OTLPValue {
        let value = empty()
        value.pointee.value_case = TIDEMARK__OTLP__ANY_VALUE__VALUE_STRING_VALUE
        value.pointee.string_value = text
        return value
    }

    func value(blob bytes: UnsafeRawBufferPointer) -> OTLPValue {
        let value = empty()
        value.pointee.value_case = TIDEMARK__OTLP__ANY_VALUE__VALUE_BYTES_VALUE
        // The struct's members count as those of the module that imported it first; its layout is protobuf-c's: a
        // length, and a pointer.
        let copy = self.bytes(bytes)
        withUnsafeMutableBytes(of: &value.pointee.bytes_value) { data in
            data.storeBytes(of: bytes.count, as: Int.self)
            data.storeBytes(of: copy, toByteOffset: MemoryLayout<Int>.size, as: UnsafeMutablePointer<UInt8>.self)
        }
        return value
    }

    func value(array elements: ArraySlice<OTLPValue>) -> OTLPValue {
        let array: UnsafeMutablePointer<Tidemark__Otlp__ArrayValue> = make(tidemark__otlp__array_value__init)
        array.pointee.n_values = elements.count
        array.pointee.values = pointers(elements)
        let value = empty()
        value.pointee.value_case = TIDEMARK__OTLP__ANY_VALUE__VALUE_ARRAY_VALUE
        value.pointee.array_value = array
        return value
    }

    func value(members: ArraySlice<OTLPAttribute>) -> OTLPValue {
        let list: UnsafeMutablePointer<Tidemark__Otlp__KeyValueList> = make(tidemark__otlp__key_value_list__init)
        list.pointee.n_values = members.count
        list.pointee.values = pointers(members)
        let value = empty()
        value.pointee.value_case = TIDEMARK__OTLP__ANY_VALUE__VALUE_KVLIST_VALUE
        value.pointee.kvlist_value = list
        return value
    }

    func attribute(_ key: String, _ value: OTLPValue) -> OTLPAttribute { attribute(cString: string(key), value) }

    func attribute(cString key: UnsafeMutablePointer<CChar>, _ value: OTLPValue) -> OTLPAttribute {
        let attribute: OTLPAttribute = make(tidemark__otlp__key_value__init)
        attribute.pointee.key = key
        attribute.pointee.value = value
        return attribute
    }
}
