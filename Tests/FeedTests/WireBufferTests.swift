import Testing

@testable import Feed

/// Protobuf's wire format as the specification has it.
@Suite struct WireBufferTests {
    private func written(_ write: (inout WireBuffer) -> Void) -> [UInt8] {
        var buffer = WireBuffer(capacity: 1)
        defer { buffer.free() }
        write(&buffer)
        return Array(buffer.bytes(from: 0))
    }

    @Test func `numbers are varints, zigzags and little-endian words`() {
        #expect(written { $0.varint(0) } == [0])
        #expect(written { $0.varint(127) } == [127])
        #expect(written { $0.varint(150) } == [0x96, 0x01])
        #expect(written { $0.varint(.max) } == [UInt8](repeating: 0xFF, count: 9) + [1])
        #expect(written { $0.zigzag(-1) } == [1] && written { $0.zigzag(1) } == [2])
        #expect(written { $0.zigzag(.min) } == [UInt8](repeating: 0xFF, count: 9) + [1])
        #expect(written { $0.fixed64(0x0102_0304_0506_0708) } == [8, 7, 6, 5, 4, 3, 2, 1])
    }

    @Test(arguments: [0, 1, 127, 128, 129, 16_383, 16_384, 2_097_151, 2_097_152])
    func `a message's length stands before it, however many bytes that takes`(length: Int) {
        let content = (0..<length).map { UInt8(truncatingIfNeeded: $0) }
        let bytes = written { buffer in
            buffer.byte(0x0A)
            let start = buffer.open()
            content.withUnsafeBytes { buffer.copy($0) }
            buffer.close(start)
            buffer.byte(0x99)
        }
        let prefix = written { $0.varint(UInt64(length)) }
        #expect(bytes == [0x0A] + prefix + content + [0x99])
    }

    @Test func `messages lie in each other, and what is truncated is gone`() {
        let bytes = written { buffer in
            let outer = buffer.open()
            buffer.byte(1)
            let inner = buffer.open()
            for _ in 0..<130 { buffer.byte(7) }
            buffer.close(inner)
            let end = buffer.count
            buffer.varint(99_999)
            buffer.truncate(to: end)
            buffer.close(outer)
        }
        #expect(bytes == [0x85, 0x01, 1, 0x82, 0x01] + [UInt8](repeating: 7, count: 130))
    }
}
